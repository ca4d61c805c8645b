// Views with a name of their own in their workspace: other processes find them there, and they outlive whoever made them.
// Cost: a look-up by name; a round trip each.

import GraphCore
import Wire

let graphViewSharedMethods: [Method] = [
    Method(
        "share", .call, [Parameter("name", .string, "how others find it: not empty, and not yet another view's name")],
        errors: ["TypeError", "ValueError", "LimitExceeded", "StaleHandleError"],
        doc: """
            Gives the view a name in its workspace, instead of the one that it had. Whoever opens the workspace (see \
            bindd.connect) finds it by find_shared(); it lives until unshare() or destroy(), also when no process holds it. \
            In a named workspace it is pickled by its names from then on, else by value.
            """
    ) { call in
        let view = try call.arguments.u32()
        try call.workspace.share(view: view, name: try call.arguments.string())
    },
    Method(
        "unshare", .call, errors: ["StaleHandleError"],
        doc: "Takes the name away. Who holds the view keeps it; it goes with its last handle. Without a name nothing changes."
    ) { call in
        let view = try call.arguments.u32()
        _ = try call.workspace.graph.selfNode(view: view)
        call.workspace.unshare(view: view)
        call.session.owns(view: view)
    },
    Method(
        "get_shared_name", .query, result: .optional(.string), errors: ["StaleHandleError"],
        doc: "The name that share() gave, or None."
    ) { call in
        let view = try call.arguments.u32()
        _ = try call.workspace.graph.selfNode(view: view)
        let name = call.workspace.sharedName(of: view)
        call.result.u32(name == nil ? 0 : 1)
        if let name { call.result.string(name) }
    },
    Method(
        "find_shared", .call, isStatic: true, client: "bd_graph_view_find_shared", [
            Parameter("name", .string),
            Parameter("workspace", .any, default: "None", "a Workspace that bindd.connect() gave; None: the current one"),
        ], result: .view,
        errors: ["TypeError", "ValueError", "StaleHandleError"],
        doc: """
            The view of that name: the same view, whoever made it. What others write becomes visible batch by batch, when \
            they flush. ValueError says which names there are.
            """
    ) { call in
        let view = try call.workspace.view(shared: try call.arguments.string())
        call.session.owns(view: view)
        call.result.u32(view)
        call.result.u32(try call.workspace.graph.selfNode(view: view))
    },
    Method(
        "get_shared_names", .query, isStatic: true, result: .list(.string),
        doc: "Names of the shared views of the current workspace, sorted."
    ) { call in
        let names = call.workspace.sharedViews.keys.sorted()
        call.result.u32(UInt32(names.count))
        for name in names { call.result.string(name) }
    },
]
