// Sums by kind, client and place at one moment, in a file: `--save F` writes, `--diff A B` compares. Counts are exact by
// kind and client where the places are only sampled: what no record stands for has the place "".

import CLayout
import CShim
import Glibc
import Wire

struct SavedSums {
    struct Key: Hashable {
        var kind: String
        var client: String
        var program: String
        var site: String

        func isTaken(by selection: Selection) -> Bool {
            (selection.clients.isEmpty || selection.clients.contains(client))
                && (selection.kinds.isEmpty || selection.kinds.contains { HandleKind.name($0) == kind })
                && (selection.site.map { $0.matches(site) } ?? true)
        }
    }

    struct Sum: Equatable {
        var count: UInt64 = 0
        var bytes: UInt64 = 0
    }

    struct Change {
        let key: Key
        let before: UInt64
        let after: UInt64
        let bytes: Int64
        var count: Int64 { Int64(after) - Int64(before) }

        var json: JSONValue {
            .object([
                ("kind", .string(key.kind)), ("client", .string(key.client)), ("program", .string(key.program)),
                ("site", .string(key.site)), ("before", .uint(before)), ("after", .uint(after)), ("count", .int(count)),
                ("bytes", .int(bytes)),
            ])
        }

        var csv: String {
            [
                key.kind, key.client, key.program, key.site, String(before), String(after), String(count), String(bytes),
            ].map(csvField).joined(separator: ",") + "\n"
        }
    }

    static let csvHead = "kind,client,program,site,before,after,count,bytes\n"
    private static let fileBytesMax = 256 << 20

    private(set) var sums: [Key: Sum] = [:]

    init(_ look: HandleLook) {
        var plan = HandleScan.Plan()
        plan.dimensions = [.kind, .client, .site]
        let scan = HandleScan(plan, holders: look.holders, nowNs: look.nowNs)
        for group in scan.groups {
            guard let holder = group.holder, let kind = group.kind else { continue }
            let key = Key(
                kind: HandleKind.name(kind), client: holder.name, program: holder.program,
                site: group.site.map { $0.places.isEmpty ? "" : $0.chainText } ?? "")
            sums[key, default: Sum()].count += group.count
            sums[key, default: Sum()].bytes += group.bytes
        }
        var recorded: Set<[String]> = []
        for key in sums.keys { recorded.insert([key.kind, key.client]) }
        for holder in look.holders {
            for (kind, count) in holder.live where count > 0 && kind != "Workspace" && !recorded.contains([kind, holder.name]) {
                sums[Key(kind: kind, client: holder.name, program: holder.program, site: ""), default: Sum()].count += count
            }
        }
    }

    init(file: String) throws {
        let fd = open(file, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw failure("cannot open \(shownText(file)): \(SystemError.text(errno))") }
        defer { close(fd) }
        var bytes: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 1 << 20)
        while bytes.count < SavedSums.fileBytesMax {
            let count = Glibc.read(fd, &room, room.count)
            guard count > 0 else { break }
            bytes.append(contentsOf: room[..<count])
        }
        let value: JSONValue
        do throws(JSONError) { value = try JSONReader.read(String(decoding: bytes, as: UTF8.self)) } catch {
            throw failure("\(shownText(file)) is no file of --save: \(error)")
        }
        guard value.unsigned("schema") == 1, let rows = value["sums"] else {
            throw failure("\(shownText(file)) is no file of --save (schema 1)")
        }
        for row in rows.items {
            let key = Key(kind: row.text("kind"), client: row.text("client"), program: row.text("program"), site: row.text("site"))
            sums[key] = Sum(count: row.unsigned("count"), bytes: row.unsigned("bytes"))
        }
    }

    func write(to file: String) throws {
        let ordered = sums.sorted {
            ($0.key.kind, $0.key.client, $0.key.site) < ($1.key.kind, $1.key.client, $1.key.site)
        }
        let rows = ordered.map { key, sum in
            JSONValue.object([
                ("kind", .string(key.kind)), ("client", .string(key.client)), ("program", .string(key.program)),
                ("site", .string(key.site)), ("count", .uint(sum.count)), ("bytes", .uint(sum.bytes)),
            ])
        }
        let text = JSONValue.object([
            ("schema", .int(1)), ("saved_at", .string(isoText(realtimeNs: bd_clock_realtime_ns()))), ("sums", .array(rows)),
        ]).prettyText
        let fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard fd >= 0 else { throw failure("cannot write \(shownText(file)): \(SystemError.text(errno))") }
        let isWritten = writeAll(fd, text)
        guard close(fd) == 0, isWritten else { throw failure("cannot write \(shownText(file)): \(SystemError.text(errno))") }
    }

    /// Of the later sums: how much there is now, and by how much it changed.
    func facts(_ selection: Selection, _ changes: [Change]) -> FailCondition.Facts {
        let taken = sums.filter { $0.key.isTaken(by: selection) }
        return FailCondition.Facts(
            count: taken.values.reduce(0) { $0 + $1.count }, bytes: taken.values.reduce(0) { $0 + $1.bytes },
            growth: changes.reduce(0) { $0 + $1.count }, clients: UInt64(Set(taken.keys.map(\.client)).count))
    }

    /// What is different, the largest change of the count first.
    static func changes(from before: SavedSums, to after: SavedSums) -> [Change] {
        Set(before.sums.keys).union(after.sums.keys).compactMap { key in
            let old = before.sums[key] ?? Sum()
            let new = after.sums[key] ?? Sum()
            guard old != new else { return nil }
            return Change(key: key, before: old.count, after: new.count, bytes: Int64(new.bytes) - Int64(old.bytes))
        }.sorted {
            ($0.count.magnitude, $0.bytes.magnitude, $1.key.site, $1.key.kind)
                > ($1.count.magnitude, $1.bytes.magnitude, $0.key.site, $0.key.kind)
        }
    }
}
