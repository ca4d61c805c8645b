// `bindd top`: the table of `inspect handles`, again and again, until q or Ctrl-C. Where the output is no terminal, one
// table after the other. Never starts a daemon, waits for none to come. Cost: that of a look, once in a while.

import ArgumentParser
import CShim
import Glibc
import Wire

struct TopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Show clients and kinds of handles, live.",
        discussion: """
            q or Ctrl-C ends it; space looks at once; arrows, j, k, page keys, Home and End move where there is more than the
            terminal has room for; Ctrl-Z stops it. Exits with status 3 when no daemon runs.
            """)

    @OptionGroup var place: SocketOption

    @Option(
        name: [.customShort("d"), .long], parsing: .unconditional,
        help: ArgumentHelp("Seconds between looks.", valueName: "seconds"))
    var delay = 2.0

    @Option(
        name: [.customShort("n"), .long], parsing: .unconditional,
        help: ArgumentHelp("End after so many looks.", valueName: "n"))
    var looks: Int?

    func run() throws {
        guard delay >= 0.05, delay < 86_400 else { throw misuse("--delay \(delay) is no number of seconds from 0.05 to 86,400") }
        if let looks { try atLeast(1, looks, "--looks") }
        var report: JSONValue
        do { report = try look() } catch { throw commandFailure(error) }
        let screen = Screen()
        defer { screen.close() }
        var left = looks ?? Int.max
        while true {
            screen.show(text(report))
            left -= 1
            guard left > 0, screen.wait(seconds: delay, text: { text(report) }) else { return }
            do { report = try look() } catch {
                screen.close()  // or nobody would read why
                throw commandFailure(error)
            }
        }
    }

    private func look() throws -> JSONValue {
        let client = try ControlClient(path: try composedSocketPath(option: place.socket, identity: composedIdentity()))
        let look = HandleLook(try JSONReader.read(try client.ask("inspect")))
        return look.enriched(HandleScan(HandleScan.Plan(), holders: look.holders, nowNs: look.nowNs))
    }

    private func text(_ report: JSONValue) -> String {
        inspectionText(report, handle: nil, width: Output.columns, style: Output.style)
    }
}
