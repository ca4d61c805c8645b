// A set of ids as a paged bitmap: ids of a kind are dense. Cost: a bit per id in pages that are in use, eight bytes per
// page below the highest id, a few loads to ask.

public struct IdSet: Sendable {
    private static let wordsPerPage = 64  // 4,096 ids
    private var pages: [[UInt64]] = []  // empty: none of its ids is in the set
    public private(set) var count = 0

    public init() {}

    /// True when the id was not in the set.
    public mutating func insert(_ id: UInt32) -> Bool {
        let (page, word, bit) = IdSet.place(id)
        if page >= pages.count { pages.append(contentsOf: repeatElement([], count: page + 1 - pages.count)) }
        if pages[page].isEmpty { pages[page] = Array(repeating: 0, count: IdSet.wordsPerPage) }
        guard pages[page][word] & bit == 0 else { return false }
        pages[page][word] |= bit
        count += 1
        return true
    }

    /// True when the id was in the set.
    public mutating func remove(_ id: UInt32) -> Bool {
        guard contains(id) else { return false }
        let (page, word, bit) = IdSet.place(id)
        pages[page][word] &= ~bit
        count -= 1
        if pages[page][word] == 0, pages[page].allSatisfy({ $0 == 0 }) { pages[page] = [] }
        return true
    }

    public func contains(_ id: UInt32) -> Bool {
        let (page, word, bit) = IdSet.place(id)
        return page < pages.count && !pages[page].isEmpty && pages[page][word] & bit != 0
    }

    /// Every id, ascending.
    public var ids: [UInt32] {
        var result: [UInt32] = []
        result.reserveCapacity(count)
        for (page, words) in pages.enumerated() {
            for (index, word) in words.enumerated() {
                var word = word
                while word != 0 {
                    result.append(UInt32(page << 12 | index << 6 | word.trailingZeroBitCount))
                    word &= word - 1
                }
            }
        }
        return result
    }

    private static func place(_ id: UInt32) -> (page: Int, word: Int, bit: UInt64) {
        (Int(id >> 12), Int(id >> 6 & 63), 1 << UInt64(id & 63))
    }
}
