// The process's environment as strings. Cost: a copy of it.

import CShim
import Glibc

func environmentStrings() -> [String] {
    guard var entry = bd_environment() else { return [] }
    var strings: [String] = []
    while let text = entry.pointee {
        strings.append(String(cString: text))
        entry += 1
    }
    return strings
}

func environmentVariable(_ name: String) -> String? {
    guard let text = getenv(name) else { return nil }
    return String(cString: text)
}

func currentFolder() -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4097) { room in
        guard let start = room.baseAddress, getcwd(start, 4097) != nil else { return "/" }
        return String(cString: start)
    }
}
