// `bindd status`: is a daemon there, and what do its workers do. Never starts one: exit status 3 when none runs.

import ArgumentParser
import Wire

enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table, json
}

/// Of commands that go on: lines of words, or of JSON.
enum StreamFormat: String, ExpressibleByArgument, CaseIterable {
    case table, jsonl
}

struct SocketOption: ParsableArguments {
    @Option(help: "Path of the daemon's socket (else as `bindd serve` finds it).", completion: .file())
    var socket: String?
}

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show the daemon and its workers.",
        discussion: "Exits with status 3 when no daemon runs; never starts one.")

    @OptionGroup var place: SocketOption

    @Option(name: .shortAndLong, help: "table or json.")
    var output = OutputFormat.table

    func run() throws {
        let text = try askDaemon(place, "status")
        switch output {
        case .json: Output.write(text + "\n")
        case .table:
            let report = try parsedAnswer(text)
            Output.write(statusText(report, width: Output.columns, style: Output.style))
        }
    }
}

/// Connects, asks, and turns what goes wrong into an exit status.
func askDaemon(_ place: SocketOption, _ command: String, _ arguments: [Attribute] = []) throws -> String {
    let client = try connectedClient(place)
    do { return try client.ask(command, arguments) } catch { throw commandFailure(error) }
}

func connectedClient(_ place: SocketOption) throws -> ControlClient {
    do {
        return try ControlClient(path: try composedSocketPath(option: place.socket, identity: composedIdentity()))
    } catch {
        throw commandFailure(error)
    }
}

func commandFailure(_ error: any Error) -> ExitCode {
    switch error {
    case ControlError.notRunning: failure("\(error)", ExitStatus.notRunning)
    case ControlError.usage: failure("\(error)", ExitStatus.usage)
    default: failure("\(error)")
    }
}

func parsedAnswer(_ text: String) throws -> JSONValue {
    do throws(JSONError) { return try JSONReader.read(text) } catch {
        throw failure("the daemon's answer is no JSON: \(error)")
    }
}
