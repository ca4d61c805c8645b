// The answers of the supervisor as text for people. Pure: JSON in, text out; what is missing in the JSON is shown as a
// dash, so that a newer daemon's answer is shown as far as it is understood.

import Wire

func statusText(_ report: JSONValue, width: Int?, style: Style) -> String {
    var out = headText(report, width, style)
    let workers = report["workers"]?.items ?? []
    guard !workers.isEmpty else { return out + "\nno workspaces\n" }
    var table = TextTable([
        .init(title: "PID"), .init(title: "WORKSPACE", isFlexible: true), .init(title: "CLIENTS", isNumeric: true, leaves: 1),
        .init(title: "STATE", leaves: 3), .init(title: "MEMORY", isNumeric: true),
        .init(title: "HEARTBEAT", isNumeric: true, leaves: 2), .init(title: "NOW", isFlexible: true, widthMin: 18),
    ])
    for worker in workers {
        let isStuck = ["stopped", "starting"].contains(worker.text("state"))
        table.add(
            [
                worker.numberText("pid"), workspaceText(worker.text("workspace")),
                Units.count(worker.unsigned("clients")), worker.text("state"),
                Units.bytes(worker.unsigned("memory_bytes")),
                Units.duration(milliseconds: worker.unsigned("heartbeat_age_ms")), nowText(worker),
            ], isMarked: isStuck)
    }
    out += "\n" + table.render(width: width, style: style)
    return out
}

func inspectionText(_ report: JSONValue, handle: UInt64?, width: Int?, style: Style) -> String {
    if let handle { return handlesText(report, id: handle, style: style) }
    var out = headText(report["supervisor"] ?? .null, width, style)
    let clients = report["clients"]?.items ?? []
    let lost = report["lost_clients"]?.items ?? []
    guard !clients.isEmpty || !lost.isEmpty else {
        return out + "\nno clients\n" + workspacesText(report, width, style) + hintsText(report, width, style)
    }
    let stopped = (report["workspaces"]?.items ?? []).filter { $0.text("state") == "stopped" }.map { $0.unsigned("worker_pid") }
    out += "\n" + clientsTable(clients, lost, stoppedWorkers: Set(stopped)).render(width: width, style: style)
    let kinds = report["kinds"]?.items ?? []
    if !kinds.isEmpty { out += "\n" + kindsTable(kinds).render(width: width, style: style) }
    return out + workspacesText(report, width, style) + hintsText(report, width, style)
}

/// bindd 0.1.0 (build 9c1e, protocol 1.0)  supervisor 41820  up 2h14m  rss 12 MiB
/// socket …   crashes 2 (last 2026-11-22 09:41:07 SIGSEGV in pcb.loads: `bindd crash show 4711`)
private func headText(_ head: JSONValue, _ width: Int?, _ style: Style) -> String {
    let uptime = Units.duration(milliseconds: head.milliseconds(seconds: "uptime_s"))
    let name = "bindd \(head.text("version")) (build \(head.text("build")), protocol \(head.text("protocol")))"
    let process = "supervisor \(head.numberText("pid"))  up \(uptime)  rss \(Units.bytes(head.unsigned("rss_bytes")))"
    let crashes = "crashes \(Units.count(head.unsigned("crashes")))"
    let last = head["last_crash"].map { $0 == .null ? "" : " (last \(lastCrashText($0)))" } ?? ""
    let width = width ?? .max
    var out = style.bold(name.cut(columns: width))
    out += name.count + 2 + process.count > width ? "\n" + process.cut(columns: width) : "  " + process
    let socket = "socket \(shownText(head.text("socket")))"
    if socket.terminalWidth + 3 + crashes.count + last.terminalWidth <= width {
        out += "\n\(socket)   \(crashes)\(style.warning(last))"
    } else {
        let lines = wrapped(crashes + last, width: width)
        out += "\n" + socket.cut(columns: width) + "\n" + (last.isEmpty ? crashes : lines.map(style.warning).joined(separator: "\n"))
    }
    return out + "\n"
}

/// 09:41:07 SIGSEGV in pcb.loads: `bindd crash show 4711`
private func lastCrashText(_ crash: JSONValue) -> String {
    let operation = crash.text("operation")
    let time = crash.text("at").prefix(19).replacing("T", with: " ")
    let text = "\(time) \(crash.text("cause"))\(operation.isEmpty ? "" : " in \(operation)")"
    let hasReport = crash["report"].map { $0 != .null } ?? false
    return shownText(text + (hasReport ? ": `bindd crash show \(crash.numberText("pid"))`" : ""))
}

private let attention = "  <- !"

private func clientsTable(_ clients: [JSONValue], _ lost: [JSONValue], stoppedWorkers: Set<UInt64>) -> TextTable {
    var table = TextTable([
        .init(title: "CLIENT"), .init(title: "PID"), .init(title: "USER", leaves: 6), .init(title: "PROGRAM", isFlexible: true, widthMin: 16, leaves: 1),
        .init(title: "WORKSPACE", isFlexible: true, leaves: 4), .init(title: "HANDLES", isNumeric: true),
        .init(title: "+1m", isNumeric: true, leaves: 3), .init(title: "BYTES", isNumeric: true, leaves: 2),
        .init(title: "OLDEST", isNumeric: true, leaves: 5), .init(title: "NOW", isFlexible: true, widthMin: 18),
    ])
    for client in clients {
        let isStopped = client.text("state") == "stopped"
        let isWorkerStopped = stoppedWorkers.contains(client.unsigned("worker_pid"))
        let bytes = client["bytes"].map { $0 == .null ? "shared" : Units.bytes(client.unsigned("bytes")) } ?? "-"
        let oldest =
            client["oldest_s"].map { $0 == .null } ?? true
            ? "-" : Units.duration(milliseconds: client.milliseconds(seconds: "oldest_s"))
        let unread = unreadText(client)
        table.add(
            [
                client.text("id"), client.numberText("pid"), client.text("user"),
                client.text("program") + (isStopped ? " (stopped)" : ""), workspaceText(client.text("workspace")),
                Units.count(client.unsigned("handles_total")), Units.growth(client.signed("growth_1m")), bytes, oldest,
                (unread ?? (isWorkerStopped ? "worker stopped" : nowText(client)))
                    + (isStopped || isWorkerStopped || unread != nil ? attention : ""),
            ], isMarked: isStopped || isWorkerStopped || unread != nil)
    }
    for client in lost where client.unsigned("handles_total") > 0 {
        table.add(
            [
                client.text("id"), client.numberText("pid"), client.text("user"), client.text("program"), workspaceText(client.text("workspace")),
                Units.count(client.unsigned("handles_total")), "-", "-", "-",
                "lost \(Units.duration(milliseconds: client.milliseconds(seconds: "since_s"))) ago: \(client.text("cause"))\(attention)",
            ], isMarked: true)
    }
    return table
}

/// 1 reply unread 30m; nil: none, or they are just on their way.
private func unreadText(_ client: JSONValue) -> String? {
    guard Hints.isUnread(client) else { return nil }
    let unread = client.unsigned("unread_replies")
    return "\(Units.count(unread)) \(unread == 1 ? "reply" : "replies") unread "
        + Units.duration(milliseconds: client.milliseconds(seconds: "idle_s"))
}

private func kindsTable(_ kinds: [JSONValue]) -> TextTable {
    let total = max(kinds.reduce(0) { $0 + $1.unsigned("bytes") }, 1)
    var table = TextTable([
        .init(title: "KIND"), .init(title: "LIVE", isNumeric: true), .init(title: "+1m", isNumeric: true, leaves: 2),
        .init(title: "BYTES", isNumeric: true), .init(title: "SHARE", isNumeric: true, leaves: 4),
        .init(title: "TOP CREATION SITE", isFlexible: true, isPlace: true, leaves: 1),
        .init(title: "SITE%", isNumeric: true, leaves: 3),
    ])
    let shown = kinds.filter { $0.unsigned("live") + $0.unsigned("bytes") > 0 && $0.text("kind") != "Workspace" }
    for kind in shown.sorted(by: { $0.unsigned("live") > $1.unsigned("live") }) {
        let isOfHandles = Selection.kind(named: kind.text("kind")) != nil
        table.add([
            kind.text("kind"), isOfHandles ? Units.count(kind.unsigned("live")) : "-",
            isOfHandles ? Units.growth(kind.signed("growth_1m")) : "-", Units.bytes(kind.unsigned("bytes")), "\(kind.unsigned("bytes") * 100 / total)%",
            siteText(kind["top_site"]), siteShareText(kind),
        ])
    }
    return table
}

/// faebryk/core/node.py:1976 Node.traverse
private func siteText(_ site: JSONValue?) -> String {
    guard let site, site != .null else { return "-" }
    return placeText(site)
}

private func placeText(_ place: JSONValue) -> String {
    CreationSite(places: [
        CodePlace(
            file: place.text("file"), line: UInt32(truncatingIfNeeded: place.unsigned("line")), function: place.text("function"))
    ]).text
}

private func siteShareText(_ kind: JSONValue) -> String {
    guard let site = kind["top_site"], site != .null, case .double(let share) = kind["top_site_share"] else { return "-" }
    return String(Int((min(max(share, 0), 1) * 100).rounded()))
}

/// Lines of advice, each with its command.
private func hintsText(_ report: JSONValue, _ width: Int?, _ style: Style) -> String {
    let hints = report["hints"]?.items ?? []
    guard !hints.isEmpty else { return "" }
    return "\n" + hints.map { hint in
        let text = "hint  " + shownText(hint.text("text"))
        let command = "(\(shownText(hint.text("command"))))"
        guard let width, text.terminalWidth + command.terminalWidth + 2 > width else { return style.warning(text) + "  \(command)\n" }
        return wrapped(text, width: width).map { style.warning($0) + "\n" }.joined() + "      \(command)\n"
    }.joined()
}

/// Lines of at most so many columns, the later ones indented; of a longer word the end is left. `commands` are kept whole.
func wrapped(_ text: String, width: Int) -> [String] {
    let indent = "      "
    var lines: [String] = []
    var line = ""
    var command = ""
    for part in text.split(separator: " ", omittingEmptySubsequences: false) {
        command += (command.isEmpty ? "" : " ") + part
        guard command.count(where: { $0 == "`" }) % 2 == 0 else { continue }
        let word = command.contains("`") ? command : command.cutFront(columns: max(width - indent.count, 16))
        command = ""
        if !line.isEmpty, line.terminalWidth + 1 + word.terminalWidth > width {
            lines.append(line)
            line = indent + word
        } else {
            line += (line.isEmpty ? "" : " ") + word
        }
    }
    return lines + [line + (command.isEmpty ? "" : " " + command)]
}

/// Named workspaces live on without clients: they are shown by themselves.
private func workspacesText(_ report: JSONValue, _ width: Int?, _ style: Style) -> String {
    let named = (report["workspaces"]?.items ?? []).filter { $0["private"] != .bool(true) }
    guard !named.isEmpty else { return "" }
    var table = TextTable([
        .init(title: "WORKSPACE", isFlexible: true), .init(title: "WORKER"), .init(title: "STATE"),
        .init(title: "CLIENTS", isNumeric: true, leaves: 1), .init(title: "MEMORY", isNumeric: true),
        .init(title: "OBJECTS", isFlexible: true),
    ])
    for workspace in named {
        let objects = (workspace["objects"]?.members ?? []).map { name, _ in
            "\(Units.count(workspace["objects"]?.unsigned(name) ?? 0)) \(name)"
        }
        table.add([
            workspaceText(workspace.text("name")), workspace.numberText("worker_pid"), workspace.text("state"),
            Units.count(UInt64(workspace["clients"]?.items.count ?? 0)),
            Units.bytes(workspace.unsigned("memory_bytes")), objects.joined(separator: ", "),
        ])
    }
    return "\n" + table.render(width: width, style: style)
}

/// Each worker that knows the id has its own handle of that number; all are shown.
private func handlesText(_ report: JSONValue, id: UInt64, style: Style) -> String {
    let handles = report["handles"]?.items ?? []
    let clients = (report["clients"]?.items ?? []) + (report["lost_clients"]?.items ?? [])
    var out = ""
    for (index, handle) in handles.enumerated() {
        if index > 0 { out += "\n" }
        out += style.bold("handle      0x\(hexText(id, digits: 16))   \(shownText(handle.text("kind")))") + "\n"
        for (name, value) in handle.members where !hidden.contains(name) && value != .null {
            let shown = name.hasSuffix("_bytes") ? String(name.dropLast(6)) : name
            let label = name == "site" ? "  at" : shownText(shown.replacing("_", with: " "))
            let padding = String(repeating: " ", count: max(1, 12 - label.count))
            let text = name == "clients" ? clientsText(value, clients) : name == "site" ? chainText(value) : placed(name, handle) ?? memberText(name, value, handle)
            out += label + padding + text + "\n"
            if name == "owner" || (name == "created" && handle["owner"] == nil) { out += holdsText(handle) }
        }
    }
    return out
}

/// Of the types of structs in a document.
private let structsShown = 6

/// Members that are shown elsewhere, or not at all.
private let hidden: Set<String> = [
    "kind", "id", "age_s", "request", "made_by", "made_s", "uses", "used_s", "used_by", "handles", "held_by", "objects",
    "objects_at", "at_this_place", "file_kind",
]

/// `held by     1 handle; 30,001 in the worker (views, ends of edges, clients)`
private func holdsText(_ handle: JSONValue) -> String {
    var parts: [String] = []
    if handle["handles"] != nil { parts.append("\(Units.count(handle.unsigned("handles"))) \(handle.unsigned("handles") == 1 ? "handle" : "handles")") }
    if handle["objects"] != nil { parts.append(objectsText(handle)) }
    if handle["held_by"] != nil { parts.append("\(Units.count(handle.unsigned("held_by"))) in the worker (views, ends of edges, clients)") }
    return parts.isEmpty ? "" : "held by     \(parts.joined(separator: "; "))\n"
}

/// Of a struct in a file: `kicad_pcb.footprints[12].pads[3] (one of 600)`, `PcbFile 0x0d00000100000001`
private func placed(_ name: String, _ handle: JSONValue) -> String? {
    switch name {
    case "place": "\(shownText(handle.text(name))) (one of \(Units.count(handle.unsigned("at_this_place"))))"
    case "file" where handle["file_kind"] != nil: shownText("\(handle.text("file_kind")) \(handle.text(name))")
    default: nil
    }
}

/// 3 Python objects (2 pcb.Pad, 1 pcb.PcbFile)
private func objectsText(_ handle: JSONValue) -> String {
    let types = (handle["objects_at"]?.members ?? []).map { "\(memberText("", $1, .object([("", $1)]))) \(shownText($0))" }
    let shown = types.prefix(structsShown).joined(separator: ", ") + (types.count > structsShown ? ", …" : "")
    return DocumentContents.objectsText(handle.unsigned("objects")) + (shown.isEmpty ? "" : " (at \(shown))")
}

/// file:line function <- its caller <- its caller
private func chainText(_ site: JSONValue) -> String {
    shownText(([site] + (site["callers"]?.items ?? [])).map(placeText).joined(separator: " <- "))
}

/// `c1 pid 41790 ato build`
private func clientsText(_ ids: JSONValue, _ clients: [JSONValue]) -> String {
    let names = ids.items.map { id in
        guard case .string(let name) = id else { return shownText(id.text) }
        guard let row = clients.first(where: { $0.text("id") == name }) else { return shownText(name) }
        return shownText("\(name) pid \(row.numberText("pid")) \(row.text("program"))")
    }
    return names.joined(separator: ", ")
}

private func memberText(_ name: String, _ value: JSONValue, _ handle: JSONValue) -> String {
    switch value {
    case .string(let text): name == "workspace" ? shownText(workspaceText(text)) : shownText(text)
    case .object(let members) where name == "structs" || name == "lists":
        members.isEmpty ? "-" : members.prefix(structsShown).map { name, count in
            "\(memberText("", count, .object([("", count)]))) \(shownText(name))"
        }.joined(separator: ", ") + (members.count > structsShown ? ", …" : "")
    case .array(let items):
        items.isEmpty ? "-" : items.map { memberText("", $0, .object([("", $0)])) }.joined(separator: ", ")
    case .int, .uint:
        if name == "bytes" || name.hasSuffix("_bytes") {
            Units.bytes(handle.unsigned(name))
        } else {
            name.hasSuffix("pid") ? value.text : Units.count(handle.unsigned(name))
        }
    case .null: "-"
    default: shownText(value.text)
    }
}

private func workspaceText(_ name: String) -> String { name.isEmpty ? "private" : name }

private func nowText(_ row: JSONValue) -> String {
    let operation = row.text("operation")
    if !operation.isEmpty { return "\(operation) \(Units.duration(milliseconds: row.unsigned("elapsed_ms")))" }
    let state = row.text("state")
    guard state == "idle", row["idle_s"] != nil else { return state }
    return "idle \(Units.duration(milliseconds: row.milliseconds(seconds: "idle_s")))"
}

extension JSONValue {
    /// A string member; "" when there is none.
    func text(_ name: String) -> String { if case .string(let text) = self[name] { text } else { "" } }

    func signed(_ name: String) -> Int64 {
        switch self[name] {
        case .int(let value): value
        case .uint(let value): Int64(clamping: value)
        default: 0
        }
    }

    /// A number that is not negative; 0 when there is none.
    func unsigned(_ name: String) -> UInt64 {
        switch self[name] {
        case .int(let value): UInt64(max(value, 0))
        case .uint(let value): value
        case .double(let value) where value.isFinite && value > 0 && value < 1e18: UInt64(value)
        default: 0
        }
    }

    /// A number that is a name (a pid): no separators.
    func numberText(_ name: String) -> String { self[name] == nil ? "-" : String(unsigned(name)) }

    func milliseconds(seconds name: String) -> UInt64 {
        guard case .double(let value) = self[name], value.isFinite, value > 0, value < 1e15 else {
            return min(unsigned(name), 1 << 50) * 1000
        }
        return UInt64(value * 1000)
    }
}
