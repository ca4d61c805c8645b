// What edits made: lists as sequences of items, and the texts of new atoms.
//
// For: lists that differ from the text. A list of the text that is edited keeps its node, whose kind becomes `edited`; its
// items are nodes that stay as they were, lists that were made, or atoms that were made. An atom of the text that is
// replaced keeps its node, of kind `replaced`. Must not: drop a list that a record may still name. Cost: 6 bytes for each
// item of an edited list; nothing for what is not edited.

struct EditedLists {
    /// Kinds of a node beside those of bd_layout.h; the node's text_start is the number of the list or atom.
    static let edited: UInt32 = 5
    static let replaced: UInt32 = 6

    /// What stands in a list: a node, a list that was made, or an atom that was made.
    struct Item: Equatable, Hashable {
        let bits: UInt32
        static func node(_ index: Int) -> Item { Item(bits: UInt32(index)) }
        static func list(_ index: Int) -> Item { Item(bits: 1 << 30 | UInt32(index)) }
        static func atom(_ index: Int) -> Item { Item(bits: 2 << 30 | UInt32(index)) }
        var index: Int { Int(bits & 0x3FFF_FFFF) }
        var isNode: Bool { bits >> 30 == 0 }
        var isList: Bool { bits >> 30 == 1 }
        var isAtom: Bool { bits >> 30 == 2 }
    }

    struct List {
        var items: [Item]
        /// What each item is to the struct `type`: see Role. Empty until it is asked for.
        var roles: [UInt16] = []
        var type = -1
    }

    struct Atom {
        let kind: UInt32
        let start: UInt32
        let length: UInt32
    }

    /// A node of kind `edited` or `replaced`, and its text with quotes and parentheses.
    struct Mark {
        let node: UInt32
        let start: UInt32
        let end: UInt32
    }

    var lists: [List] = []
    /// In the order of the edits; one for each node.
    var marks: [Mark] = []
    var atoms: [Atom] = []
    var text: [UInt8] = []
    /// Items of all lists, about.
    private(set) var itemCount = 0

    var isEmpty: Bool { lists.isEmpty && atoms.isEmpty }
    var bytes: Int {
        text.capacity + atoms.capacity * 12 + marks.capacity * 12 + lists.capacity * 24 + itemCount * 6
    }

    mutating func add(_ list: List) -> Int {
        itemCount += list.items.count
        lists.append(list)
        return lists.count - 1
    }

    /// A list that holds itself: printing would not end. Lists of the text that were edited are left out: the text nests
    /// by itself.
    var hasCycle: Bool {
        var state = [UInt8](repeating: 0, count: lists.count)  // 1: being walked, 2: done
        for start in lists.indices where state[start] == 0 {
            var stack = [(start, 0)]
            state[start] = 1
            while let (list, next) = stack.popLast() {
                guard next < lists[list].items.count else {
                    state[list] = 2
                    continue
                }
                stack.append((list, next + 1))
                let item = lists[list].items[next]
                guard item.isList else { continue }
                if state[item.index] == 1 { return true }
                if state[item.index] == 0 {
                    state[item.index] = 1
                    stack.append((item.index, 0))
                }
            }
        }
        return false
    }

    /// Nil behind the last one.
    @inline(__always)
    func item(_ index: Int, of list: Int) -> Item? {
        index < lists[list].items.count ? lists[list].items[index] : nil
    }

    mutating func replace(_ number: Int, _ list: List) {
        itemCount += list.items.count - lists[number].items.count
        lists[number] = list
    }

    /// The text is as it will be printed, a string's without its quotes.
    mutating func addAtom(_ kind: UInt32, _ bytes: [UInt8]) -> Int {
        atoms.append(Atom(kind: kind, start: UInt32(text.count), length: UInt32(bytes.count)))
        text += bytes
        return atoms.count - 1
    }

    func bytes(ofAtom index: Int) -> [UInt8] {
        let atom = atoms[index]
        return Array(text[Int(atom.start)..<Int(atom.start) + Int(atom.length)])
    }

    mutating func insert(_ items: [Item], role: UInt16, into list: Int, at position: Int) {
        itemCount += items.count
        lists[list].items.insert(contentsOf: items, at: position)
        if lists[list].type >= 0 {
            lists[list].roles.insert(contentsOf: repeatElement(role, count: items.count), at: position)
        }
    }

    /// Positions rise.
    mutating func remove(_ positions: [Int], from list: Int) {
        if positions.count == 1 {
            lists[list].items.remove(at: positions[0])
            if lists[list].type >= 0 { lists[list].roles.remove(at: positions[0]) }
            return
        }
        var next = 0
        var kept = 0
        let hasRoles = lists[list].type >= 0
        for position in 0..<lists[list].items.count {
            if next < positions.count, positions[next] == position {
                next += 1
                continue
            }
            lists[list].items[kept] = lists[list].items[position]
            if hasRoles { lists[list].roles[kept] = lists[list].roles[position] }
            kept += 1
        }
        lists[list].items.removeSubrange(kept...)
        if hasRoles { lists[list].roles.removeSubrange(kept...) }
    }
}

/// What an item of a struct's list is.
enum Role {
    /// The head, a comment, an unknown part.
    static let none: UInt16 = 0xFFFF
    /// Added to the field's number: a second entry of a field that counts once.
    static let again: UInt16 = 0x4000

    static func field(_ role: UInt16) -> Int? { role == none ? nil : Int(role & ~again) }
}
