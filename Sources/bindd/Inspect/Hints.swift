// Advice in words, each with the command that shows more. Pure: from a look and a scan of everything.

import CLayout
import Wire

struct Hint: Equatable {
    let kind: String
    let text: String
    let command: String

    var json: JSONValue {
        .object([("kind", .string(kind)), ("text", .string(text)), ("command", .string(command))])
    }
}

enum Hints {
    /// Fewer than so many more in a minute are no growth worth a word.
    static let growthMin: Int64 = 100
    /// Replies that wait longer are not just on their way.
    static let unreadMs: UInt64 = 5_000
    /// Requests that take longer are worth a word.
    static let longMs: UInt64 = 10_000
    static let hintsMax = 12

    static func find(_ look: HandleLook, _ scan: HandleScan) -> [Hint] {
        let all = lost(look) + opened(look) + growing(look) + unread(look) + stuck(look) + unrecorded(look)
        return Array(all.prefix(hintsMax))
    }

    private static func lost(_ look: HandleLook) -> [Hint] {
        look.holders.filter { $0.isLost && $0.ledger?.header.living ?? 1 > 0 }.map { holder in
            let handles = Selection().exactCount(holder)
            return Hint(
                kind: "lost",
                text: "\(holder.name) \(holder.program) (pid \(holder.pid)) still holds \(Units.count(handles)) "
                    + "\(handles == 1 ? "handle" : "handles") of a workspace "
                    + "whose worker ended (\(holder.lostCause ?? "?")): every use of them raises StaleHandleError",
                command: "bindd inspect handles --client \(holder.name) --stale")
        }
    }

    /// What is read from files; a struct that is a document of its own is a copy.
    private static let opened = HandleKind.documents.filter { $0 != BD_KIND_STRUCT }

    private static func opened(_ look: HandleLook) -> [Hint] {
        let live = Dictionary(
            uniqueKeysWithValues: opened.map { kind in
                (kind, look.holders.reduce(0) { $0 + ($1.live[HandleKind.name(kind)] ?? 0) })
            })
        return openedTexts(look, live) + openedFiles(look, live)
    }

    private static func openedFiles(_ look: HandleLook, _ live: [UInt32: UInt64]) -> [Hint] {
        var plan = HandleScan.Plan()
        plan.selection.kinds = Set(opened.filter { live[$0] ?? 0 > 1 })
        guard !plan.selection.kinds.isEmpty else { return [] }
        plan.dimensions = [.kind, .client, .label]
        var groups = HandleScan(plan, holders: look.holders.filter { !$0.isLost }, nowNs: look.nowNs).groups
        HandleGroup.sort(&groups, by: .count)
        return groups.filter { $0.count > 1 && $0.hasName }.prefix(3).map { group in
            let kind = group.kind ?? BD_KIND_DOCUMENT
            return Hint(
                kind: "opened_again",
                text: "\(Units.count(live[kind] ?? 0)) \(HandleKind.name(kind)) live, \(Units.count(group.count)) of the same "
                    + "\(kind == BD_KIND_DOCUMENT ? "label" : "path") \(group.label ?? ""): opened again and not freed?",
                command: "bindd inspect handles --kind \(HandleKind.name(kind)) --group-by site,label")
        }
    }

    /// Files that were read from texts: the same one where size and hash are.
    private static func openedTexts(_ look: HandleLook, _ live: [UInt32: UInt64]) -> [Hint] {
        struct Text: Hashable {
            let kind: UInt32
            let label: UInt32
            let hash: UInt64
            let holder: Int
        }
        var counts: [Text: UInt64] = [:]
        let kinds = Set(opened.filter { live[$0] ?? 0 > 1 })
        guard !kinds.isEmpty else { return [] }
        for (place, holder) in look.holders.enumerated() where !holder.isLost {
            holder.ledger?.forEachContents { head, _ in
                let kind = UInt32(head.id >> 56)
                if Ledger.isOfText(head.label), kinds.contains(kind) {
                    counts[Text(kind: kind, label: head.label, hash: head.hash, holder: place), default: 0] += 1
                }
                return true
            }
        }
        return counts.filter { $0.value > 1 }.sorted { ($0.value, $0.key.hash) > ($1.value, $1.key.hash) }.prefix(3).map { text, count in
            let name = HandleKind.name(text.kind)
            return Hint(
                kind: "opened_again",
                text: "\(Units.count(live[text.kind] ?? 0)) \(name) live, \(Units.count(count)) of the same "
                    + "\(look.holders[text.holder].ledger?.text(text.label) ?? "text"): opened again and not freed?",
                command: "bindd inspect handles --kind \(name) --group-by site,label")
        }
    }

    private static func growing(_ look: HandleLook) -> [Hint] {
        (look.report["kinds"]?.items ?? []).filter { row in
            let growth = row.signed("growth_1m")
            return growth >= growthMin && growth >= Int64(row.unsigned("live") / 50)
        }.sorted { $0.signed("growth_1m") > $1.signed("growth_1m") }.prefix(3).map { row in
            Hint(
                kind: "growing",
                text: "\(row.text("kind")) grows: \(Units.count(UInt64(max(row.signed("growth_1m"), 0)))) more than a minute "
                    + "ago, \(Units.count(row.unsigned("live"))) now",
                command: "bindd inspect handles --kind \(row.text("kind")) --group-by site --sort growth")
        }
    }

    /// Replies wait for the client, longer than on their way.
    static func isUnread(_ client: JSONValue) -> Bool {
        client.unsigned("unread_replies") > 0
            && (client.text("state") == "stopped" || client.milliseconds(seconds: "idle_s") > unreadMs)
    }

    private static func unread(_ look: HandleLook) -> [Hint] {
        (look.report["clients"]?.items ?? []).filter(isUnread).map { row in
            let unread = row.unsigned("unread_replies")
            let since = Units.duration(milliseconds: row.milliseconds(seconds: "idle_s"))
            return Hint(
                kind: "unread",
                text: "\(row.text("id")) \(row.text("program")) (pid \(row.numberText("pid")), \(row.text("state"))) has not "
                    + "read \(unread) \(unread == 1 ? "reply" : "replies") for \(since)",
                command: "bindd inspect handles --client \(row.text("id"))")
        }
    }

    private static func stuck(_ look: HandleLook) -> [Hint] {
        let stopped = (look.report["workspaces"]?.items ?? []).filter { $0.text("state") == "stopped" }.map { row in
            Hint(
                kind: "stopped", text: "the worker of pid \(row.numberText("worker_pid")) is stopped: its clients wait",
                command: "kill -CONT \(row.numberText("worker_pid"))")
        }
        return stopped + (look.report["clients"]?.items ?? []).filter { $0.unsigned("elapsed_ms") >= longMs }.map { row in
            Hint(
                kind: "long",
                text: "\(row.text("id")) \(row.text("program")) (pid \(row.numberText("pid"))) has waited for "
                    + "\(row.text("operation")) for \(Units.duration(milliseconds: row.unsigned("elapsed_ms"))): does its worker, pid "
                    + "\(row.numberText("worker_pid")), loop?",
                command: "bindd status")
        }
    }

    private static func unrecorded(_ look: HandleLook) -> [Hint] {
        look.holders.filter { $0.ledger?.header.dropped ?? 0 > 0 }.map { holder in
            Hint(
                kind: "not_recorded",
                text: "\(Units.count(holder.ledger?.header.dropped ?? 0)) handles of \(holder.name) found no room in its list "
                    + "of \(Units.count(UInt64(BD_LEDGER_RECORDS_MAX))): places are shown for the others",
                command: "bindd inspect handles --client \(holder.name) --group-by kind")
        }
    }
}
