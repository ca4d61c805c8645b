// What can go wrong in the graph: the caller's mistakes, told with a kind, words and the object. A broken invariant is no
// error but a `check`. Must not know how errors reach a user.

public struct GraphError: Error, Equatable, CustomStringConvertible, Sendable {
    public enum Kind: Equatable, Sendable {
        case noSuchNode, noSuchEdge, noSuchView
        case idInUse
        case sourceNotMember, targetNotMember
        /// A value that the operation cannot take.
        case invalidValue
        /// An object of the wrong kind.
        case wrongType
        case limitExceeded
        case cancelled
    }

    public let kind: Kind
    public let description: String

    public init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}

/// Stays on in release builds. A failed check is our own bug: it ends this worker, never the caller.
@inline(__always)
func check(_ condition: @autoclosure () -> Bool, _ text: @autoclosure () -> String) {
    if !condition() { fatalError(text()) }
}
