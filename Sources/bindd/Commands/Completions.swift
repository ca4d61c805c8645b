// What shells ask for when a value is completed: names that only the running daemon or the reports' folder know. Must be
// quick and silent: no daemon is started, and where there is no answer there is no completion. Cost: one question.

import ArgumentParser
import Wire

enum Completions {
    /// c1 and pids, as --client takes them.
    @Sendable static func clients(_ words: [String], _ at: Int, _ word: String) -> [String] {
        let report = report(words)
        return ["clients", "lost_clients"].flatMap { report?[$0]?.items ?? [] }.flatMap { [$0.text("id"), $0.numberText("pid")] }
    }

    @Sendable static func workspaces(_ words: [String], _ at: Int, _ word: String) -> [String] {
        let names = (report(words)?["workspaces"]?.items ?? []).map { $0.text("name") }.filter { !$0.isEmpty }
        return ["private"] + Set(names).sorted()
    }

    /// Several with commas: what is there already is kept.
    @Sendable static func dimensions(_ words: [String], _ at: Int, _ word: String) -> [String] {
        listed(GroupDimension.allCases.map(\.rawValue), word)
    }

    @Sendable static func events(_ words: [String], _ at: Int, _ word: String) -> [String] { listed(EventBoard.names, word) }

    /// Places in the list of crashes.
    @Sendable static func crashes(_ words: [String], _ at: Int, _ word: String) -> [String] {
        CrashFolder.standard().names().indices.map { String($0 + 1) }
    }

    /// What `describe` knows, methods where a class is written already.
    @Sendable static func names(_ words: [String], _ at: Int, _ word: String) -> [String] {
        let classes = declaredClasses.map(\.name)
        let functions = declaredFunctions.map { "\($0.module).\($0.method.name)" }
        guard let one = declaredClasses.first(where: { word.hasPrefix("\($0.name).") }) else {
            return classes + functions + ErrorDeclaration.all.map(\.name)
        }
        return one.methods.map { "\(one.name).\($0.name)" }
    }

    private static func listed(_ all: [String], _ word: String) -> [String] {
        let given = word.split(separator: ",", omittingEmptySubsequences: false).dropLast().map(String.init)
        let start = given.map { $0 + "," }.joined()
        return all.filter { !given.contains($0) }.map { start + $0 }
    }

    private static func report(_ words: [String]) -> JSONValue? {
        let at = words.firstIndex(of: "--socket").map { $0 + 1 }
        let socket = at.flatMap { words.indices.contains($0) ? words[$0] : nil }
        guard let path = try? composedSocketPath(option: socket, identity: composedIdentity()),
            let text = try? ControlClient(path: path).ask("inspect", [], deadlineMs: 500)
        else { return nil }
        return try? JSONReader.read(text)
    }
}
