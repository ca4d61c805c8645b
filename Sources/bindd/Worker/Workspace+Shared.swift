// Names of views: what has one is held by the workspace itself, whoever else holds it.

import Wire

extension Workspace {
    func sharedName(of view: UInt32) -> String? { sharedViews.first { $0.value == view }?.key }

    func share(view: UInt32, name: String) throws {
        _ = try graph.selfNode(view: view)
        guard !name.isEmpty, name.utf8.count <= Limits.nameBytesMax else {
            throw RemoteError(
                "ValueError", "a shared view's name has 1 to \(Limits.nameBytesMax) bytes, not \(name.utf8.count)")
        }
        if let other = sharedViews[name] {
            guard other == view else {
                throw RemoteError(
                    "ValueError", "\(words) has another view named '\(name)'",
                    hint: "GraphView.find_shared(name=...) opens it; unshare() it, or destroy() it, to use the name again")
            }
            return
        }
        let old = sharedName(of: view)
        guard old != nil || sharedViews.count < Limits.sharedViewsMax else {
            throw RemoteError(
                "LimitExceeded", "\(words) shares \(sharedViews.count) views, sharedViewsMax is \(Limits.sharedViewsMax)")
        }
        if let old { sharedViews[old] = nil }
        sharedViews[name] = view
    }

    func unshare(view: UInt32) {
        if let name = sharedName(of: view) { sharedViews[name] = nil }
    }

    func view(shared name: String) throws -> UInt32 {
        if let view = sharedViews[name] { return view }
        let shown = sharedViews.keys.sorted().prefix(Workspace.namesShownMax).map { "'\($0)'" }
        let more = sharedViews.count > shown.count ? ", and \(sharedViews.count - shown.count) more" : ""
        throw RemoteError(
            "ValueError", "\(words) has no shared view named '\(name)'",
            hint: shown.isEmpty
                ? "none is shared there; GraphView.share(name=...) does it" : "there are \(shown.joined(separator: ", "))\(more)")
    }

    private static let namesShownMax = 8
    private var words: String { isPrivate ? "the private workspace" : "workspace '\(name)'" }
}
