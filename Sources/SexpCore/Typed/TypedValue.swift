// A value as an edit gives it.
//
// For: requests, which are read into it. Must not: nest deeper than structs do (`depthMax`). Cost: one box for each struct.

public indirect enum TypedValue {
    /// Structs nest ten deep, lists between them.
    public static let depthMax = 24

    case none
    case int(Int64)
    case float(Double)
    case bool(Bool)
    /// UTF-8.
    case string([UInt8])
    case member(Int)
    /// With a value for each field, in order of declaration.
    case record(number: UInt32, type: Int, fields: [TypedValue])
    case list([TypedValue])
    /// A record of this or another document, and numbers for it and for those inside it.
    case copy(of: TypedDocument, numbers: [(source: UInt32, number: UInt32)])
}

/// Why an edit cannot be made: a bug of the client, or a limit.
public struct EditFailure: Error, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}
