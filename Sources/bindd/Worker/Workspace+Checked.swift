// What a checked build (BINDD_RELEASEMODE=checked) does and others do not: it looks at the invariants of the graph after each
// turn of requests, and replaces the journal by an image every few (WorkspaceImage.swift). A broken one ends the worker with the
// reason.
// Must not change anything. Cost: none in other builds; here linear in the graph, for large ones in one turn of 64.

import GraphCore

extension Workspace {
    private static let alwaysCheckedBytes = 4 << 20
    private static let turnsBetweenChecks: UInt64 = 64

    /// `request`: number of the last one that was applied.
    func checkAfterTurn(request: UInt64) {
        #if BINDD_CHECKED
            guard
                arena.usedBytes < Workspace.alwaysCheckedBytes
                    || request % Workspace.turnsBetweenChecks == 0
            else { return }
            graph.checkInvariants()
        #endif
    }
}

/// Whether this program is such a build; `bindd --version` says so.
var isCheckedBuild: Bool {
    #if BINDD_CHECKED
        true
    #else
        false
    #endif
}
