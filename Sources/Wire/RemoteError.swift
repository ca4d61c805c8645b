// An error as it travels: a stable code, the exception class that Python raises, words, and fields. The caller's mistake,
// never a broken peer (that is WireError). Must not hold Swift error values. Cost: only when something failed.

public struct RemoteError: Error, Equatable, Sendable {
    public var code: UInt32
    public var pythonType: String
    public var message: String
    public var hint: String
    public var fields: [Attribute]

    public init(code: UInt32, pythonType: String, message: String, hint: String = "", fields: [Attribute] = []) {
        self.code = code
        self.pythonType = pythonType
        self.message = message
        self.hint = hint
        self.fields = fields
    }

    public init(decoding reader: inout PayloadReader) throws(WireError) {
        code = try reader.u32()
        pythonType = try reader.string()
        message = try reader.string()
        hint = try reader.string()
        fields = try reader.attributes()
    }

    public func encode(into writer: inout PayloadWriter) {
        writer.u32(code)
        writer.string(pythonType)
        writer.string(message)
        writer.string(hint)
        writer.attributes(fields)
    }
}
