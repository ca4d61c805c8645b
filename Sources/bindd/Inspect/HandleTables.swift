// Rows, groups, changes as text for people, as JSON, as CSV. Pure.

import Wire

extension HandleGroup {
    static let csvHead = "kind,client,workspace,site,label,count,growth,bytes,oldest_s,example\n"

    func oldestMs(_ nowNs: UInt64) -> UInt64 { oldestNs == .max ? 0 : milliseconds(from: oldestNs, to: nowNs) }

    func json(_ dimensions: [GroupDimension], nowNs: UInt64) -> JSONValue {
        let keys: [(String, JSONValue)] = dimensions.map { dimension in
            switch dimension {
            case .kind: ("kind", .string(kind.map { HandleKind.name($0) } ?? ""))
            case .client: ("client", .string(holder?.name ?? ""))
            case .workspace: ("workspace", .string(workspace ?? ""))
            case .site: ("site", site.map { HandleRow.json($0) } ?? .null)
            case .label: ("label", .string(label ?? ""))
            }
        }
        return .object(
            keys + [
                ("count", .uint(count)), ("growth", .int(growth)), ("bytes", .uint(bytes)),
                ("oldest_s", .double(Double(oldestMs(nowNs)) / 1000)), ("example", .uint(example)),
                ("example_address", .string(example == 0 ? "" : "0x\(hexText(example, digits: 16))")),
            ])
    }

    func csv(nowNs: UInt64) -> String {
        let keys = identity.map(csvField)
        let values = [
            String(count), String(growth), String(bytes), String(Double(oldestMs(nowNs)) / 1000),
            example == 0 ? "" : "0x\(hexText(example, digits: 16))",
        ]
        return (keys + values).joined(separator: ",") + "\n"
    }
}

/// 12 handles, 3.1 MiB; from a sample where it is one.
private func totalText(_ scan: HandleScan, _ facts: FailCondition.Facts) -> String {
    let isExact = scan.plan.selection.isAnsweredByPages
    let sample = scan.isEstimated && !scan.plan.isAnsweredByPages ? "\(isExact ? "places" : "counts") from a sample (BINDD_SITES=full records each)" : ""
    let unseen = scan.plan.isAnsweredByPages ? [] : scan.holders.filter { $0.ledger == nil }.map(\.name)
    let off = unseen.isEmpty ? "" : "no places of \(unseen.joined(separator: ", ")) (BINDD_SITES=off)"
    let notes = [sample, off].filter { !$0.isEmpty }
    return "\(Units.count(facts.count)) \(facts.count == 1 ? "handle" : "handles"), \(Units.bytes(facts.bytes))"
        + (notes.isEmpty ? "" : "; " + notes.joined(separator: "; ")) + "\n"
}

func rowsText(_ scan: HandleScan, _ facts: FailCondition.Facts, nowNs: UInt64, width: Int?, style: Style) -> String {
    let rows = scan.rowsWithBytes
    guard !rows.isEmpty else { return "no recorded handles; " + totalText(scan, facts) }
    let hasLabels = rows.contains { !$0.label.isEmpty }
    let isWeighted = rows.contains { $0.record.weight > 1 }
    var table = TextTable(
        [
            .init(title: "HANDLE"), .init(title: "KIND"), .init(title: "CLIENT", leaves: 3),
            .init(title: "AGE", isNumeric: true, leaves: 4),
        ]
            + (isWeighted ? [.init(title: "FOR", isNumeric: true, leaves: 5)] : [])
            + [.init(title: "BYTES", isNumeric: true, leaves: 2)]
            + (hasLabels ? [.init(title: "LABEL", isFlexible: true, cutsFront: true, widthMin: 12, leaves: 1)] : [])
            + [.init(title: "MADE AT", isFlexible: true, isPlace: true, widthMin: 11)])
    for row in rows {
        let state = row.holder.state(row.record)
        table.add(
            [
                row.address, row.kind + (state == "live" ? "" : " (\(state))"), row.holder.name,
                Units.duration(milliseconds: row.ageMs(nowNs)),
            ] + (isWeighted ? [Units.count(UInt64(row.record.weight))] : []) + [Units.bytes(row.bytes)]
                + (hasLabels ? [row.label] : []) + [row.site.text], isMarked: state != "live")
    }
    let rest = scan.records > UInt64(rows.count) ? "\(Units.count(scan.records - UInt64(rows.count))) more (--top 0 shows all)\n" : ""
    return table.render(width: width, style: style) + rest + totalText(scan, facts)
}

func groupsText(
    _ groups: [HandleGroup], _ dimensions: [GroupDimension], all: Int, scan: HandleScan, _ facts: FailCondition.Facts,
    nowNs: UInt64, width: Int?, style: Style
) -> String {
    guard !groups.isEmpty else { return "no recorded handles; " + totalText(scan, facts) }
    let titles: [TextTable.Column] = dimensions.map { dimension in
        switch dimension {
        case .kind: .init(title: "KIND")
        case .client: .init(title: "CLIENT", isFlexible: true)
        case .workspace: .init(title: "WORKSPACE", isFlexible: true)
        case .site: .init(title: "MADE AT", isFlexible: true, isPlace: true, widthMin: 14)
        case .label: .init(title: "LABEL", isFlexible: true, cutsFront: true)
        }
    }
    var table = TextTable(
        titles + [
            .init(title: "LIVE", isNumeric: true), .init(title: "+\(scan.windowText)", isNumeric: true, leaves: 2),
            .init(title: "BYTES", isNumeric: true, leaves: 1), .init(title: "OLDEST", isNumeric: true, leaves: 4),
            .init(title: "ONE OF THEM", leaves: 3),
        ])
    for group in groups {
        let keys: [String] = dimensions.map { dimension in
            switch dimension {
            case .kind: group.kind.map { HandleKind.name($0) } ?? ""
            case .client: group.holder.map { "\($0.name) \($0.program)" } ?? ""
            case .workspace: group.workspace.map { $0.isEmpty ? "private" : $0 } ?? ""
            case .site: group.site?.chainText ?? "?"
            case .label: group.label ?? ""
            }
        }
        table.add(
            keys + [
                Units.count(group.count), Units.growth(group.growth), Units.bytes(group.bytes),
                group.example == 0 ? "-" : Units.duration(milliseconds: group.oldestMs(nowNs)),
                group.example == 0 ? "-" : "0x\(hexText(group.example, digits: 16))",
            ])
    }
    let rest = all > groups.count ? "\(Units.count(UInt64(all - groups.count))) more groups (--top 0 shows all)\n" : ""
    return table.render(width: width, style: style) + rest + totalText(scan, facts)
}

func changesText(_ changes: [SavedSums.Change], top: Int, width: Int?, style: Style) -> String {
    guard !changes.isEmpty else { return "nothing changed\n" }
    var table = TextTable([
        .init(title: "KIND"), .init(title: "CLIENT", leaves: 2), .init(title: "BEFORE", isNumeric: true, leaves: 4),
        .init(title: "AFTER", isNumeric: true, leaves: 3), .init(title: "CHANGE", isNumeric: true),
        .init(title: "BYTES", isNumeric: true, leaves: 1), .init(title: "MADE AT", isFlexible: true, isPlace: true),
    ])
    let shown = top > 0 ? changes.prefix(top) : changes[...]
    for change in shown {
        let sign = change.bytes < 0 ? "-" : "+"
        table.add([
            change.key.kind, change.key.client, Units.count(change.before), Units.count(change.after),
            Units.growth(change.count), sign + Units.bytes(change.bytes.magnitude), change.key.site.isEmpty ? "?" : change.key.site,
        ])
    }
    let rest = changes.count > shown.count ? "\(changes.count - shown.count) more (--top 0 shows all)\n" : ""
    return table.render(width: width, style: style) + rest
}
