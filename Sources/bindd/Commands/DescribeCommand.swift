// `bindd describe`: the API in words, or as data, which is the source of all generated files.

import ArgumentParser
import Wire

struct DescribeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe", abstract: "Print the API: classes, methods, operations, errors, limits.",
        discussion: "bindd describe GraphView, bindd describe GraphView.create, bindd describe LimitExceeded. Asks no daemon.")

    @Argument(help: "A class, method, function or error (nothing: an overview).", completion: .custom(Completions.names))
    var name: String?

    @Flag(help: "Everything, as JSON.")
    var json = false

    func run() throws {
        if json { return Output.write(describeJSON()) }
        let text = DescriptionText(try parsedAnswer(describeJSON()))
        guard let words = name.map({ text.details($0) }) ?? text.overview(width: Output.columns, style: Output.style) else {
            throw failure("nothing is called \"\(shownText(name ?? ""))\"\n  hint: `bindd describe` lists what there is")
        }
        Output.write(words)
    }
}

/// The description as text. Pure.
struct DescriptionText {
    let description: JSONValue

    init(_ description: JSONValue) { self.description = description }

    private var classes: [JSONValue] { description["classes"]?.items ?? [] }
    private var functions: [JSONValue] { description["functions"]?.items ?? [] }
    private var errors: [JSONValue] { description["errors"]?.items ?? [] }

    func overview(width: Int?, style: Style) -> String? {
        var table = TextTable([
            .init(title: "CLASS"), .init(title: "METHODS", isNumeric: true), .init(title: "WHAT IT IS", isFlexible: true),
        ])
        for one in classes {
            table.add([one.text("name"), String(one["methods"]?.items.count ?? 0), one.text("doc")])
        }
        var others = TextTable([.init(title: "FUNCTION"), .init(title: "WHAT IT DOES", isFlexible: true)])
        for one in functions { others.add(["\(one.text("module")).\(one.text("name"))", one.text("doc")]) }
        var mistakes = TextTable([.init(title: "ERROR"), .init(title: "WHEN", isFlexible: true)])
        for one in errors { mistakes.add([one.text("name"), one.text("doc")]) }
        return [table, others, mistakes].map { $0.render(width: width, style: style) }.joined(separator: "\n")
    }

    /// nil when nothing has that name.
    func details(_ name: String) -> String? {
        var out = ""
        for one in classes {
            let className = one.text("name")
            if className == name {
                out += "class \(className)\n    \(one.text("doc"))\n"
                for method in one["methods"]?.items ?? [] { out += "\n" + self.method(method, of: className) }
            }
            for method in one["methods"]?.items ?? [] where "\(className).\(method.text("name"))" == name || method.text("name") == name {
                out += self.method(method, of: className)
            }
        }
        for one in functions where "\(one.text("module")).\(one.text("name"))" == name || one.text("name") == name {
            out += method(one, of: one.text("module"))
        }
        for one in errors where one.text("name") == name {
            out += "error \(name)(\(one.text("base")))\n    \(one.text("doc"))\n"
        }
        return out.isEmpty ? nil : shownLines(out)
    }

    private func method(_ method: JSONValue, of owner: String) -> String {
        let parameters = (method["parameters"]?.items ?? []).map { "\($0.text("name")): \($0["type"]?.words ?? "?")" }
        var out = "\(owner).\(method.text("name"))(\(parameters.joined(separator: ", "))) -> \(method["result"]?.words ?? "none")"
        out += "   \(method.text("kind"))\(method["static"] == .bool(true) ? ", static" : "")\n    \(method.text("doc"))\n"
        for parameter in method["parameters"]?.items ?? [] where !parameter.text("doc").isEmpty {
            out += "    \(parameter.text("name")): \(parameter.text("doc"))\n"
        }
        let raised = (method["errors"]?.items ?? []).map(\.words)
        return out + (raised.isEmpty ? "" : "    raises \(raised.joined(separator: ", "))\n")
    }

    private func shownLines(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { shownText(String($0)) }.joined(separator: "\n")
    }
}

extension JSONValue {
    /// A string without quotes, anything else as JSON.
    fileprivate var words: String { if case .string(let text) = self { text } else { text } }
}
