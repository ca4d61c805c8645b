// The flags of `bindd inspect handles`, and the plan that they make. Parsing and its errors; no question is asked here.

import ArgumentParser

enum ListFormat: String, ExpressibleByArgument, CaseIterable { case table, json, jsonl, csv, dot }

extension GroupDimension: ExpressibleByArgument {}
extension SortKey: ExpressibleByArgument {}

struct SelectionFlags: ParsableArguments {
    @Option(help: "Only of this client (c1, or its pid). May be repeated.", completion: .custom(Completions.clients))
    var client: [String] = []

    @Option(help: "Only of this workspace (private: those without a name). May be repeated.", completion: .custom(Completions.workspaces))
    var workspace: [String] = []

    @Option(help: "Only of this kind (GraphView, BoundNode, Document …). May be repeated.", completion: .list(Selection.kindNames))
    var kind: [String] = []

    @Option(help: ArgumentHelp("Only made at these places (path:line, function; * and ?).", valueName: "glob"))
    var site: String?

    @Option(help: ArgumentHelp("Only with such labels (* and ?).", valueName: "glob"))
    var label: String?

    @Option(help: ArgumentHelp("Only made longer ago (90s, 5m, 2h).", valueName: "duration"))
    var olderThan: String?

    @Option(help: ArgumentHelp("Only of objects at least so large (4096, 1.5MiB).", valueName: "bytes"))
    var minBytes: String?

    @Flag(help: "Only nodes and edges that nothing but a handle keeps alive: they are in no view.")
    var orphans = false

    @Flag(help: "Only handles whose worker is gone or whose view was destroyed.")
    var stale = false

    @Flag(help: "Only kinds of which there are more than a minute ago, those that grew most first.")
    var growing = false

    @Option(help: ArgumentHelp("With --growing: look now and so long later instead (2s).", valueName: "duration"))
    var over: String?

    func selection() throws -> Selection {
        var selection = Selection()
        selection.clients = Set(client)
        selection.workspaces = Set(workspace)
        for name in kind {
            guard let number = Selection.kind(named: name) else {
                throw misuse(
                    "\"\(shownText(name))\" is no kind of handle\n  hint: \(Selection.kindNames.joined(separator: ", "))")
            }
            selection.kinds.insert(number)
        }
        selection.site = site.map { Glob($0) }
        selection.label = label.map { Glob($0) }
        if let olderThan { selection.olderThanMs = try duration(olderThan, "--older-than") }
        if let minBytes {
            guard let bytes = Quantities.bytes(minBytes) else {
                throw misuse("--min-bytes \"\(shownText(minBytes))\" is no size\n  hint: such as 4096, 64KiB or 1.5MiB")
            }
            selection.minBytes = bytes
        }
        selection.onlyOrphans = orphans
        selection.onlyStale = stale
        return selection
    }

    func overMs() throws -> UInt64? {
        guard let over else { return nil }
        guard growing else { throw misuse("--over goes with --growing") }
        return try duration(over, "--over")
    }

    private func duration(_ text: String, _ flag: String) throws -> UInt64 {
        guard let milliseconds = Quantities.milliseconds(text) else {
            throw misuse("\(flag) \"\(shownText(text))\" is no duration\n  hint: such as 90s, 5m or 2h")
        }
        return milliseconds
    }
}

struct ListFlags: ParsableArguments {
    @Option(
        help: ArgumentHelp("Sums by kind, client, workspace, site, label; several with commas.", valueName: "what"),
        completion: .custom(Completions.dimensions))
    var groupBy: String?

    @Option(help: "Order by count, bytes, growth, age, kind, client, site or label.")
    var sort: SortKey?

    @Option(
        parsing: .unconditional, help: ArgumentHelp("Show so many lines (0: all). Default 50 in a table, all elsewhere.", valueName: "n"))
    var top: Int?

    @Option(name: .shortAndLong, help: "table, json, jsonl, csv; dot with --tree.")
    var output = ListFormat.table

    @Option(
        name: .shortAndLong, defaultAsFlag: "2",
        help: ArgumentHelp("Look again every so many seconds, until Ctrl-C.", valueName: "seconds"))
    var watch: String?

    @Option(parsing: .unconditional, help: ArgumentHelp("With --watch: look so often.", valueName: "n"))
    var looks: Int?

    @Option(help: ArgumentHelp("Exit with status 4 when it holds: count>0, bytes>=1GiB, growth>100; and, or.", valueName: "condition"))
    var failIf: String?

    /// What cannot be, before anything is asked.
    func check() throws {
        if let top { try atLeast(0, top, "--top") }
        if let looks {
            guard watch != nil else { throw misuse("--looks goes with --watch") }
            try atLeast(1, looks, "--looks")
        }
    }

    func dimensions() throws -> [GroupDimension] {
        try (groupBy ?? "").split(separator: ",").map { word in
            guard let dimension = GroupDimension(rawValue: String(word)) else {
                let known = GroupDimension.allCases.map(\.rawValue).joined(separator: ", ")
                throw misuse("cannot group by \"\(shownText(String(word)))\"\n  hint: \(known)")
            }
            return dimension
        }
    }

    func condition() throws -> FailCondition? {
        guard let failIf else { return nil }
        guard let condition = FailCondition(failIf) else {
            throw misuse(
                "--fail-if \"\(shownText(failIf))\" is no condition\n"
                    + "  hint: count, bytes, growth or clients, then > >= < <= == !=, then a number: 'count>0 or bytes>1GiB'")
        }
        return condition
    }

    func watchSeconds() throws -> Double? {
        guard let watch else { return nil }
        guard let seconds = Double(watch), seconds >= 0.05, seconds < 86_400 else {
            throw misuse("--watch \"\(shownText(watch))\" is no number of seconds from 0.05 on")
        }
        return seconds
    }
}

/// Of a flag that takes a count.
func atLeast(_ least: Int, _ value: Int, _ flag: String) throws {
    guard value >= least else { throw misuse("\(flag) \(value) must be \(least) or more") }
}
