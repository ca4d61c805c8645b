// Where a record's text is.
//
// For: going from a record's number to what is edited and printed. Cost: four bytes.

enum RecordPlace {
    /// A list of the text.
    case node(Int)
    /// A list that an edit made.
    case made(Int)
    /// Not in the text: a default. The number is one of `defaults`.
    case initial(Int)
    /// The file itself, and records that are gone.
    case nowhere

    init(bits: UInt32) {
        switch bits >> 30 {
        case 0: self = .node(Int(bits))
        case 1: self = .made(Int(bits & 0x3FFF_FFFF))
        case 2: self = .initial(Int(bits & 0x3FFF_FFFF))
        default: self = .nowhere
        }
    }

    var bits: UInt32 {
        switch self {
        case .node(let index): UInt32(index)
        case .made(let index): 1 << 30 | UInt32(index)
        case .initial(let index): 2 << 30 | UInt32(index)
        case .nowhere: UInt32.max
        }
    }
}
