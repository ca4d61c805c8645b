// A kernel call that failed, in words.

import Glibc

struct SystemError: Error, Equatable, CustomStringConvertible {
    let call: String
    let code: Int32  // positive errno

    init(_ call: String, negative result: Int32) {
        self.call = call
        code = -result
    }

    init(_ call: String, code: Int32) {
        self.call = call
        self.code = code
    }

    var description: String { "\(call): \(SystemError.text(code))" }

    static func text(_ code: Int32) -> String {
        guard let words = strerror(code) else { return "error \(code)" }
        return String(cString: words)
    }
}
