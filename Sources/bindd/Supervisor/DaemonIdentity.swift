// Who this program is: version, build, protocol, API. Composed once at the start and passed in.
// Must not decide: the supervisor compares it with the hello's.

import CShim
import Wire

struct DaemonIdentity {
    var version: String
    var build: String
    var layoutVersion: UInt32
    var descriptionHash: UInt64
    /// Name of an operation for people; nil when it has none.
    var operationName: (UInt16) -> String?

    var protocolText: String { "\(Hello.protocolMajor).\(Hello.protocolMinor)" }

    /// What must agree for a client to talk to this daemon is in the name, and the build: each has a daemon of its own, so
    /// versions do not fight, and a new build is never answered by the old one's daemon. Clients name it alike.
    var socketName: String {
        "bindd-\(Hello.protocolMajor)-\(hexText(descriptionHash >> 32, digits: 8))-\(build).sock"
    }

    func name(ofOperation operation: UInt32) -> String {
        guard operation != 0 else { return "" }
        if let number = UInt16(exactly: operation), let name = operationName(number) { return name }
        return "operation \(operation)"
    }

    /// The linker's build id, shortened; "unknown" when the linker wrote none.
    static func buildId() -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { text in
            guard let start = text.baseAddress, bd_build_id(start, 128) >= 8 else { return "unknown" }
            return String(String(cString: start).prefix(8))
        }
    }
}

/// Lower-case hexadecimal with leading zeros, at least `digits` long.
func hexText(_ value: UInt64, digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
}
