// Reports of crashes as text for people. Pure: JSON in, text out; what is missing is left out.

import Wire

private let requestsShown = 8
private let framesShown = 12

func crashListText(_ rows: [JSONValue], folder: String, width: Int?, style: Style) -> String {
    guard !rows.isEmpty else { return "no crash is recorded in \(shownText(folder))\n" }
    var table = TextTable([
        .init(title: "N", isNumeric: true), .init(title: "TIME", leaves: 1), .init(title: "PID", leaves: 4),
        .init(title: "WORKSPACE", isFlexible: true, leaves: 3), .init(title: "CAUSE"), .init(title: "OPERATION"),
        .init(title: "REQUEST", isNumeric: true, leaves: 5), .init(title: "WHERE", isFlexible: true, widthMin: 16, leaves: 2),
    ])
    for (index, row) in rows.enumerated() {
        guard row["finished"] == .bool(true) else {
            table.add([String(index + 1), row.text("name"), "", "", "not finished"])
            continue
        }
        let isOfMemory = row["memory_exhausted"] == .bool(true)
        let workspace = row.text("workspace")
        let operation = row.text("operation")
        table.add([
            String(index + 1), row.text("at"), row.numberText("pid"), workspace.isEmpty ? "private" : workspace,
            row.text("cause") + (isOfMemory ? " (memory)" : ""), operation.isEmpty ? "idle" : operation,
            operation.isEmpty ? "" : Units.count(row.unsigned("request")), row.text("top"),
        ])
    }
    return table.render(width: width, style: style)
}

func crashText(_ report: JSONValue, folder: String, isAll: Bool, style: Style) -> String {
    var out = style.bold(shownText(headline(report))) + "\n"
    func line(_ name: String, _ text: String) {
        if !text.isEmpty { out += name + String(repeating: " ", count: max(1, 12 - name.count)) + shownText(text) + "\n" }
    }
    line("time", report.text("at"))
    line("worker", "pid \(report.numberText("pid"))  workspace \(report.text("workspace").isEmpty ? "private" : report.text("workspace"))")
    line("request", requestLine(report))
    line("reason", report.text("reason"))
    line("ended", report.text("ended_because"))
    for client in report["clients"]?.items ?? [] {
        line("client", "\(client.text("id")) pid \(client.numberText("pid")) \(client.text("program"))")
    }
    line("memory", memoryLine(report))
    if let versions = report["versions"] {
        line("version", "bindd \(versions.text("bindd")) (build \(versions.text("build")), protocol \(versions.text("protocol")))")
    }
    out += stackText(report, isAll, style) + pythonText(report, isAll, style) + requestsText(report, isAll, style)
    let words = report.text("stderr").split(separator: "\n").suffix(isAll ? 100 : 3)
    if !words.isEmpty { out += "\n" + style.bold("last words") + "\n" + words.map { "  \(shownText(String($0)))\n" }.joined() }
    return out + "\nreport      \(shownText(folder))\n"
}

/// `SIGSEGV (address 0x10, sent by pid 12) in GraphView.insert_edge`
private func headline(_ report: JSONValue) -> String {
    var details: [String] = []
    if ["SIGSEGV", "SIGBUS"].contains(report.text("cause")), report.unsigned("code") > 0 {
        details.append("address 0x\(hexText(report.unsigned("address"), digits: 1))")
    }
    if report.unsigned("sender") != 0 { details.append("sent by pid \(report.numberText("sender"))") }
    if report["memory_exhausted"] == .bool(true) { details.append("memory was exhausted") }
    let operation = report.text("operation")
    return report.text("cause") + (details.isEmpty ? "" : " (\(details.joined(separator: ", ")))")
        + (operation.isEmpty ? " while idle" : " in \(operation)")
        + (report["applied_again"] == .bool(true) ? ", which was applied again after another death" : "")
}

private func requestLine(_ report: JSONValue) -> String {
    guard !report.text("operation").isEmpty else { return "" }
    return "\(Units.count(report.unsigned("request")))  \(report.text("operation")) \(report.text("arguments"))  "
        + "after \(Units.duration(milliseconds: report.unsigned("elapsed_ms")))"
}

private func memoryLine(_ report: JSONValue) -> String {
    let memory = report["memory"] ?? .null
    let objects = (report["objects"]?.members ?? []).map { "\(Units.count(report["objects"]?.unsigned($0.0) ?? 0)) \($0.0)" }
    let resident = memory.unsigned("resident_bytes")
    return "state \(Units.bytes(memory.unsigned("state_bytes")))"
        + (resident > 0 ? ", resident \(Units.bytes(resident))" : "") + (objects.isEmpty ? "" : "; " + objects.joined(separator: ", "))
}

private func stackText(_ report: JSONValue, _ isAll: Bool, _ style: Style) -> String {
    let frames = report["stack"]?.items ?? []
    guard !frames.isEmpty else { return "\nno native stack: no handler ran (SIGKILL, or it left by itself)\n" }
    let total = max(report.unsigned("frames"), 1)
    var out = "\n" + style.bold("native stack") + " (\(Units.count(total)) frames)\n"
    let lines = isAll ? frames.map(frameLine) : folded(frames.filter { $0["thunk"] != .bool(true) }.map(frameLine))
    for line in lines.prefix(isAll ? lines.count : framesShown) { out += "  \(shownText(line))\n" }
    if !isAll, lines.count > framesShown { out += "    … \(lines.count - framesShown) more (--all)\n" }
    return out
}

/// The innermost lines of each client's program, the caller first.
private func pythonText(_ report: JSONValue, _ isAll: Bool, _ style: Style) -> String {
    (report["python"]?.items ?? []).map { client in
        let lines = client.text("stack").split(separator: "\n")
        let shown = isAll ? lines[...] : lines.suffix(framesShown)
        return "\n" + style.bold("python") + " (pid \(client.numberText("pid")))\n"
            + (shown.count < lines.count ? "    … \(lines.count - shown.count) more lines (--all)\n" : "")
            + shown.map { shownText(String($0)) + "\n" }.joined()
    }.joined()
}

private func frameLine(_ frame: JSONValue) -> String {
    "\(frame["inlined"] == .bool(true) ? "~ " : "  ")\(frame.text("text"))"
}

/// A run of lines that repeats, as recursion has it, once with its count.
private func folded(_ lines: [String]) -> [String] {
    var out: [String] = []
    var at = 0
    while at < lines.count {
        let found = (1...4).lazy.map { (period: $0, count: repeats(lines, from: at, period: $0)) }.first { $0.count >= 3 }
        guard let found else {
            out.append(lines[at])
            at += 1
            continue
        }
        out += lines[at..<at + found.period]
        out.append("    … \(found.count - 1) times again")
        at += found.period * found.count
    }
    return out
}

private func repeats(_ lines: [String], from start: Int, period: Int) -> Int {
    var count = 1
    while start + (count + 1) * period <= lines.count,
        lines[start..<start + period] == lines[start + count * period..<start + (count + 1) * period]
    { count += 1 }
    return start + period <= lines.count ? count : 0
}

private func requestsText(_ report: JSONValue, _ isAll: Bool, _ style: Style) -> String {
    let requests = report["requests"]?.items ?? []
    guard !requests.isEmpty else { return "" }
    let shown = requests.suffix(isAll ? requests.count : requestsShown)
    var out = "\n" + style.bold("requests") + " (the last \(shown.count) of \(requests.count) kept)\n"
    for request in shown {
        let number = Units.count(request.unsigned("request"))
        out += "  \(String(repeating: " ", count: max(0, 8 - number.count)))\(number)  "
            + shownText("\(request.text("operation")) \(request.text("arguments"))") + "\n"
    }
    return out
}
