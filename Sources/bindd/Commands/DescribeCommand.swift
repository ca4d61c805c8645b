// `bindd describe`: the API as data, the source of all generated files.

import ArgumentParser

struct DescribeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe", abstract: "Print the API: classes, methods, operations, errors, limits.")

    @Flag(help: "As JSON (the only form there is yet).")
    var json = false

    func run() throws { Output.write(describeJSON()) }
}
