// The program's entry: the list of commands. Each command's work is an ordinary function elsewhere.

import ArgumentParser
import Glibc

@main
struct Bindd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bindd",
        abstract: "Graphs and KiCad documents for Python, in processes of their own.",
        version: versionText(),
        subcommands: [
            ServeCommand.self, StatusCommand.self, StopCommand.self, RestartCommand.self, InspectCommand.self,
            TopCommand.self, TraceCommand.self, EventsCommand.self, LogsCommand.self, CrashCommand.self, DoctorCommand.self,
            DescribeCommand.self, CompletionCommand.self, WorkerCommand.self, CrashReportCommand.self,
        ])
}

func versionText() -> String {
    let identity = composedIdentity()
    let mode = isCheckedBuild ? ", checked" : ""
    return "bindd \(identity.version) (build \(identity.build), protocol \(identity.protocolText)\(mode))"
}
