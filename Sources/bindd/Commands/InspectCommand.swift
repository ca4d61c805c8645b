// `bindd inspect handles [ID]`: who holds what. Read-only; never starts a daemon; answers while workers hang.

import ArgumentParser
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
            Exits with status 3 when no daemon runs (it never starts one), 1 when no worker knows the id.
            """)

    @Argument(help: "Id of one handle.")
    var id: String?

    @OptionGroup var place: SocketOption

    @Option(name: .shortAndLong, help: "table or json.")
    var output = OutputFormat.table

    func run() throws {
        var arguments: [Attribute] = []
        var number: UInt64?
        if let id {
            guard let parsed = handleId(id) else {
                throw failure(
                    "\"\(shownText(id))\" is no handle id\n  hint: such as 0x0300000100000001 or its decimal form")
            }
            number = parsed
            arguments = [Attribute(key: "id", value: .int(Int64(bitPattern: parsed)))]
        }
        let text = try askDaemon(place, "inspect", arguments)
        let report = try parsedAnswer(text)
        switch output {
        case .json: Output.write(text + "\n")
        case .table:
            Output.write(inspectionText(report, handle: number, width: Output.columns, style: Output.style))
        }
        if let number, report["handles"]?.items.isEmpty ?? true {
            let silent = report["unanswered"]?.items.map(\.text) ?? []
            guard silent.isEmpty else {
                throw failure(
                    "no worker that answered knows a handle 0x\(hexText(number, digits: 16)); "
                        + "no answer from pid \(silent.joined(separator: ", "))\n"
                        + "  hint: `bindd status` shows whether it is busy or stopped")
            }
            throw failure("no worker knows a handle 0x\(hexText(number, digits: 16))")
        }
    }
}

/// 0x… or decimal, 64 bits (Python prints it unsigned, some tools signed).
func handleId(_ text: String) -> UInt64? {
    if text.hasPrefix("0x") || text.hasPrefix("0X") { return UInt64(text.dropFirst(2), radix: 16) }
    if let value = UInt64(text) { return value }
    return Int64(text).map { UInt64(bitPattern: $0) }
}
