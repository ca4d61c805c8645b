// Small hash tables of the path finder: numbers to numbers, fixed hashing, so that the same search takes the same way. Keys
// are never taken out. Cost: one or two cache lines per look-up.

/// Node id → index, open addressing, at most half full.
struct IndexMap {
    private var keys: [UInt32] = Array(repeating: 0, count: 64)  // 0: empty; no node has this id
    private var values: [Int32] = Array(repeating: 0, count: 64)
    private var count = 0

    @inline(__always)
    private func place(_ key: UInt32) -> Int {
        let mask = keys.count - 1
        var at = Int(key &* 0x9E37_79B1 >> 7) & mask
        while keys[at] != 0, keys[at] != key { at = (at + 1) & mask }
        return at
    }

    func find(_ key: UInt32) -> Int32? {
        let at = place(key)
        return keys[at] == 0 ? nil : values[at]
    }

    mutating func find(_ key: UInt32, orInsert value: Int32) -> (value: Int32, isNew: Bool) {
        let at = place(key)
        if keys[at] != 0 { return (values[at], false) }
        keys[at] = key
        values[at] = value
        count += 1
        if count * 2 > keys.count { grow() }
        return (value, true)
    }

    private mutating func grow() {
        let old = (keys, values)
        keys = Array(repeating: 0, count: old.0.count * 2)
        values = Array(repeating: 0, count: old.0.count * 2)
        for (key, value) in zip(old.0, old.1) where key != 0 {
            let at = place(key)
            keys[at] = key
            values[at] = value
        }
    }
}

/// Two bits per level and node: open addressing, at most half full.
struct LevelMarks {
    static let seen: UInt8 = 1
    static let explored: UInt8 = 2

    private var keys: [UInt64] = []  // 0: empty; levels here begin at 1
    private var marks: [UInt8] = []
    private var count = 0

    @inline(__always)
    private func place(_ key: UInt64) -> Int {
        let mask = keys.count - 1
        var at = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
        while keys[at] != 0, keys[at] != key { at = (at + 1) & mask }
        return at
    }

    private static func key(_ level: Int32, _ node: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: level)) << 32 | UInt64(UInt32(bitPattern: node))
    }

    func has(_ level: Int32, _ node: Int32, _ mark: UInt8) -> Bool {
        guard !keys.isEmpty else { return false }
        let at = place(LevelMarks.key(level, node))
        return keys[at] != 0 && marks[at] & mark != 0
    }

    /// True when the mark is new.
    @discardableResult
    mutating func mark(_ level: Int32, _ node: Int32, _ mark: UInt8) -> Bool {
        if (count + 1) * 2 > keys.count { grow() }
        let key = LevelMarks.key(level, node)
        let at = place(key)
        if keys[at] == 0 {
            keys[at] = key
            count += 1
        }
        guard marks[at] & mark == 0 else { return false }
        marks[at] |= mark
        return true
    }

    private mutating func grow() {
        let old = (keys, marks)
        let capacity = max(64, old.0.count * 2)
        keys = Array(repeating: 0, count: capacity)
        marks = Array(repeating: 0, count: capacity)
        for (key, mark) in zip(old.0, old.1) where key != 0 {
            let at = place(key)
            keys[at] = key
            marks[at] = mark
        }
    }
}
