// What is wrong with a text, where, and what to do about it.
//
// For: one value that a person can read in a terminal and a program can take apart. Must not: hold on to the text; the
// excerpt is a copy of at most a few hundred bytes. Cost: built only when parsing or printing has failed.

/// A text that cannot be parsed, or a document that cannot be printed within its limits.
public struct SexpError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Stable names; clients see them as they are written here.
    public enum Kind: String, Sendable, CaseIterable {
        case emptyFile = "EmptyFile"
        case unterminatedList = "UnterminatedList"
        case unexpectedRightParen = "UnexpectedRightParen"
        case unterminatedString = "UnterminatedString"
        case unexpectedType = "UnexpectedType"
        case invalidCharacter = "InvalidCharacter"
        case invalidUTF8 = "InvalidUTF8"
        case tooDeep = "TooDeep"
        case tooLarge = "TooLarge"
        case outOfMemory = "OutOfMemory"
        case cancelled = "Cancelled"
        case missingField = "MissingField"
        case invalidValue = "InvalidValue"
    }

    public var kind: Kind
    /// What is wrong, in lower case, without place.
    public var message: String
    /// The file's name as the caller gave it.
    public var label: String?
    /// Bytes from the start of the text.
    public var byteOffset: Int
    /// Counted from 1; 0 when the error has no place (printing, a text that was not looked at).
    public var line: Int
    /// Counted from 1, in bytes as KiCad's own messages do; a byte order mark does not count.
    public var column: Int
    /// Heads of the lists that were open, outermost first; a long path has "…" in its middle.
    public var path: [String]
    /// The source line, or the part of it around the place, cut at character borders. Empty when there is no place.
    public var excerpt: String
    /// Spaces and tabs that lead under the place in `excerpt`, then "^".
    public var caret: String
    /// A guess at the cause or a remedy; may be empty.
    public var hint: String
    /// Of a text that does not fit its format: what should stand there, what does, the struct and its field.
    public var expected = ""
    public var found = ""
    public var typeName = ""
    public var fieldName = ""

    init(kind: Kind, message: String, label: String? = nil, hint: String = "") {
        self.kind = kind
        self.message = message
        self.label = label
        self.hint = hint
        byteOffset = 0
        line = 0
        column = 0
        path = []
        excerpt = ""
        caret = ""
    }

    /// `kicad_pcb > setup > tenting`
    public var pathText: String { path.joined(separator: " > ") }

    /// `board.kicad_pcb:12:5: message (path)`, then source line, caret line and hint where there are any.
    public var description: String {
        var text = label ?? "<text>"
        if line > 0 { text += ":\(line):\(column)" }
        text += ": " + message
        if !path.isEmpty { text += " (" + pathText + ")" }
        if line > 0 { text += "\n" + excerpt + "\n" + caret }
        if !hint.isEmpty { text += "\nhint: " + hint }
        return text
    }
}

/// What the inner loops throw: no strings, no allocation. The document turns it into a SexpError.
struct SexpFault: Error {
    var kind: SexpError.Kind
    var offset: Int
}
