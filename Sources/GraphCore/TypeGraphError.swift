// What can go wrong with types, told so that a caller can act on it: which node, which identifier, which path segment.
// Kinds and words are a contract with existing programs. Must not know how errors reach a user.

public enum TypeGraphError: Error, Equatable, Sendable {
    /// TypeGraphPathError.
    case path(PathFailure)
    /// TypeGraphInstantiationError.
    case instantiation(InstantiationFailure)
    /// TypeGraphResolveError.
    case resolve(ResolveFailure)

    public var message: String {
        switch self {
        case .path(let failure): failure.message
        case .instantiation(let failure): failure.message
        case .resolve(let failure): failure.message
        }
    }
}

public struct PathFailure: Equatable, Sendable {
    public enum Kind: String, Sendable {
        case missingChild = "missing_child"
        case invalidIndex = "invalid_index"
        /// Never produced; callers know it.
        case missingParent = "missing_parent"
    }

    public let kind: Kind
    public let message: String
    public let path: [String]
    public let failingSegment: String
    public let failingSegmentIndex: Int
}

public struct InstantiationFailure: Equatable, Sendable {
    public enum Kind: String, Sendable {
        case unresolvedTypeReference = "unresolved_type_reference"
        case unresolvedReference = "unresolved_reference"
        case missingOperandReference = "missing_operand_reference"
        case invalidArgument = "invalid_argument"
        case other
    }

    public let kind: Kind
    public let message: String
    public let node: BoundNode
    public let identifier: String
}

public struct ResolveFailure: Equatable, Sendable {
    public enum Kind: String, Sendable {
        case typegraphNotFound = "typegraph_not_found"
        case typeNotFound = "type_not_found"
        case compositionChildNotFound = "composition_child_not_found"
        case traitTypeNotFound = "trait_type_not_found"
        case traitInstanceNotFound = "trait_instance_not_found"
        case pointerDereferenceFailed = "pointer_dereference_failed"
        case operandNotFound = "operand_not_found"
        case unknownEdgeType = "unknown_edge_type"
    }

    public let kind: Kind
    public let message: String
    /// The failing node of the reference chain.
    public let node: BoundNode
    public let identifier: String
}
