// `bindd inspect handles [ID]`: who holds what. Read-only; never starts a daemon; answers while workers hang.

import ArgumentParser
import CShim
import Glibc
import Wire

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Look into the daemon: clients, workspaces, handles.",
        subcommands: [InspectHandlesCommand.self])
}

struct InspectHandlesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "handles", abstract: "Show who holds what, or one handle by its id.",
        discussion: """
            The id is what __zig_address__() returns in Python, in hexadecimal (0x…) or decimal.
            Places are recorded by clients: BINDD_SITES=off, sample (default) or full; see docs/LEAKS.md.
            Exits with status 3 when no daemon runs (it never starts one), 1 when nobody knows the id,
            4 when the condition of --fail-if holds, 64 for flags that cannot be read.
            """)

    @Argument(help: "Id of one handle.")
    var id: String?

    @OptionGroup var place: SocketOption
    @OptionGroup(title: "Which") var which: SelectionFlags
    @OptionGroup(title: "How") var how: ListFlags

    @Option(help: ArgumentHelp("Show what a handle holds: its id.", valueName: "id"))
    var tree: String?

    @Option(help: ArgumentHelp("With --tree: so many levels (3 if not given).", valueName: "n"))
    var depth: Int?

    @Option(help: ArgumentHelp("Write the sums by kind, client and place to a file, for --diff.", valueName: "file"), completion: .file())
    var save: String?

    @Option(parsing: .upToNextOption, help: ArgumentHelp("Compare two saved files, or one with now; with --client, --kind and --site only those.", valueName: "file"), completion: .file())
    var diff: [String] = []

    func run() throws {
        try how.check()
        try checkTogether()
        let condition = try how.condition()
        if !diff.isEmpty { return try end(condition, holds: compare(condition)) }
        let seconds = try how.watchSeconds()
        var holds = try look(condition, isFirst: true)
        if let seconds {
            var left = (how.looks ?? Int.max) - 1
            while left > 0 {
                usleep(UInt32(seconds * 1_000_000))
                Output.write(Output.isTerminal ? "\u{1B}[H\u{1B}[2J" : how.output == .table ? "\n" : "")
                holds = try look(condition, isFirst: false)
                left -= 1
            }
        }
        try end(condition, holds: holds)
    }

    private func end(_ condition: FailCondition?, holds: Bool) throws {
        if holds, let condition {
            throw failure("--fail-if: \(condition.text) holds", ExitStatus.conditionHolds)
        }
    }

    /// Flags that would be passed over in silence.
    private func checkTogether() throws {
        let shows = [id != nil ? "an ID" : nil, tree != nil ? "--tree" : nil, diff.isEmpty ? nil : "--diff"].compactMap(\.self)
        guard shows.count < 2 else { throw misuse("\(shows.joined(separator: " and ")) do not go together: one of them") }
        if let depth {
            guard tree != nil else { throw misuse("--depth goes with --tree") }
            try atLeast(1, depth, "--depth")
        }
        guard let one = shows.first else { return }
        var useless: [String] = []
        if how.groupBy != nil { useless.append("--group-by") }
        if how.sort != nil { useless.append("--sort") }
        if which.growing { useless.append("--growing") }
        if save != nil { useless.append("--save") }
        if how.failIf != nil, diff.isEmpty { useless.append("--fail-if") }
        if how.watch != nil, diff.count == 2 { useless.append("--watch") }
        if how.top != nil, id != nil { useless.append("--top") }
        guard useless.isEmpty else {
            throw misuse("\(useless.joined(separator: ", ")) and \(one) do not go together\n  hint: they are about lists of handles")
        }
    }

    private func compare(_ condition: FailCondition?) throws -> Bool {
        guard diff.count <= 2 else { throw misuse("--diff takes two files, or one to compare with now") }
        guard how.output != .dot else { throw dotWithoutTree }
        let selection = try which.selection()
        guard selection.isOfSums else { throw misuse("--diff compares sums: only --client, --kind and --site choose among them") }
        let before = try SavedSums(file: diff[0])
        let after =
            if diff.count == 2 { try SavedSums(file: diff[1]) } else {
                SavedSums(HandleLook(try HandleListing.ask(place)))
            }
        let changes = SavedSums.changes(from: before, to: after).filter { $0.key.isTaken(by: selection) }
        switch how.output {
        case .table: Output.write(changesText(changes, top: how.top ?? 50, width: Output.columns, style: Output.style))
        case .json: Output.write(JSONValue.object([("schema", .int(1)), ("changes", .array(changes.map(\.json)))]).text + "\n")
        case .jsonl: Output.write(changes.map { $0.json.text + "\n" }.joined())
        case .csv: Output.write(SavedSums.csvHead + changes.map(\.csv).joined())
        case .dot: break  // refused above
        }
        let facts = after.facts(selection, changes)
        return condition?.holds(facts) ?? false
    }

    private var dotWithoutTree: ExitCode { misuse("-o dot draws a tree: --tree ID -o dot") }

    /// Whether the condition of --fail-if holds.
    private func look(_ condition: FailCondition?, isFirst: Bool) throws -> Bool {
        if let tree { return try showTree(tree) }
        guard how.output != .dot else { throw dotWithoutTree }
        if let id {
            guard let number = handleId(id) else {
                throw misuse(
                    "\"\(shownText(id))\" is no handle id\n  hint: such as 0x0300000100000001 or its decimal form")
            }
            try HandleFacts.show(number, try which.selection(), place: place, format: how.output)
            return false
        }
        let inspection = HandleListing(
            place: place, selection: try which.selection(), isGrowing: which.growing, overMs: try which.overMs(),
            dimensions: try how.dimensions(), sort: how.sort, top: how.top, format: how.output, needsHead: isFirst)
        let facts = try inspection.run(save: save)
        return condition?.holds(facts) ?? false
    }

    private func showTree(_ text: String) throws -> Bool {
        guard let number = handleId(text) else { throw misuse("\"\(shownText(text))\" is no handle id") }
        guard how.output != .csv else { throw misuse("a tree is no table: -o table, json or dot") }
        let selection = try which.selection()
        let look = HandleLook(try HandleListing.ask(place), selection)
        guard let tree = HandleTree(number, look, depth: depth ?? 3, childrenMax: how.top ?? 20) else {
            throw failure(
                "nobody knows a handle 0x\(hexText(number, digits: 16))\n"
                    + "  hint: `bindd inspect handles --top 50` lists handles with their ids")
        }
        switch how.output {
        case .table: Output.write(tree.text(width: Output.columns, style: Output.style))
        case .dot: Output.write(tree.dot)
        case .json, .jsonl: Output.write(tree.root.json.text + "\n")
        case .csv: break  // refused above
        }
        return false
    }
}

/// 0x… or decimal, 64 bits (Python prints it unsigned, some tools signed).
func handleId(_ text: String) -> UInt64? {
    if text.hasPrefix("0x") || text.hasPrefix("0X") { return UInt64(text.dropFirst(2), radix: 16) }
    if let value = UInt64(text) { return value }
    return Int64(text).map { UInt64(bitPattern: $0) }
}
