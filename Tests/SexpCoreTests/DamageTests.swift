// Damaged, hostile and huge texts: a document or an error, never a trap.
import Glibc
import SexpCore
import Testing

@Suite struct DamageTests {
    static let small = """
        \u{FEFF}# rules é
        (kicad_pcb (version 20241229) (generator "pcb\\"new") # not a comment
        \t(net 1 +5V) (pts (xy 1 2) (xy -3.5 .4)) ()
          # a ( comment "
        \t(text "漢字 \\xc3\\xa9
        more" (at 1 2 90)) 1.3" a"b)
        (rule "second" form)

        """

    /// Parses; what parses keeps its invariants and survives printing.
    private func attempt(_ bytes: [UInt8]) throws {
        let document: SexpDocument
        do {
            document = try SexpDocument.parse(bytes)
        } catch {
            #expect(error.line >= 1 && error.column >= 1 && error.byteOffset <= bytes.count)
            #expect(!error.description.isEmpty)
            return
        }
        document.checkInvariants()
        let text = try document.canonicalBytes()
        let again = try SexpDocument.parse(text)
        #expect(haveSameTokens(document, again))
        #expect(try again.canonicalBytes() == text)
    }

    @Test func truncationAtEveryByte() throws {
        let bytes = Array(Self.small.utf8)
        for count in 0...bytes.count {
            try attempt(Array(bytes[..<count]))
            try attempt(Array(bytes[count...]))
        }
    }

    @Test func oneChangedByteAtEveryPlace() throws {
        let bytes = Array(Self.small.utf8)
        for place in 0..<bytes.count {
            for byte: UInt8 in [0x00, 0x0A, 0x20, 0x22, 0x23, 0x28, 0x29, 0x5C, 0x80, 0xFF] {
                var changed = bytes
                changed[place] = byte
                try attempt(changed)
            }
        }
    }

    @Test func randomMutations() throws {
        var system = SystemRandomNumberGenerator()
        let seed = getenv("SEXP_SEED").flatMap { UInt64(String(cString: $0)) } ?? system.next()
        print("randomMutations: SEXP_SEED=\(seed)")
        var generator = SeededGenerator(state: seed)
        let bytes = Array(Self.small.utf8)
        let alphabet = Array("()\"\\#\n \t\rxy1.-é;|".utf8)
        for _ in 0..<1_500 {
            var changed = bytes
            for _ in 0..<Int.random(in: 1...6, using: &generator) where !changed.isEmpty {
                let place = Int.random(in: 0..<changed.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: changed[place] = alphabet.randomElement(using: &generator) ?? 0
                case 1: changed.insert(alphabet.randomElement(using: &generator) ?? 0, at: place)
                case 2: changed.remove(at: place)
                default:
                    let end = Int.random(in: place..<min(changed.count, place + 20), using: &generator)
                    changed.removeSubrange(place..<end)
                }
            }
            try attempt(changed)
        }
    }

    @Test func randomTokens() throws {
        var generator = SeededGenerator(state: 11)
        let pieces = ["(", "(", ")", ")", "(xy 1 2)", "\"s\"", "w", "#w", "1.5", "\n", "\n#c\n", " ", "\t"]
            + [String(repeating: "l", count: 60)]
        for _ in 0..<1_500 {
            var text = "("
            for _ in 0..<Int.random(in: 0..<30, using: &generator) {
                text += pieces.randomElement(using: &generator) ?? ""
            }
            try attempt(Array(text.utf8))
            try attempt(Array((text + ")").utf8))
        }
    }

    /// Answers on a thread with a stack of 128 KiB.
    private func onSmallStack(_ body: @escaping @Sendable () -> Void) {
        final class Job: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, 128 << 10)
        var thread = pthread_t()
        let job = Unmanaged.passRetained(Job(body)).toOpaque()
        let started = pthread_create(
            &thread, &attributes,
            { argument in
                if let argument { Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().body() }
                return nil
            }, job)
        #expect(started == 0)
        if started == 0 { pthread_join(thread, nil) }
        pthread_attr_destroy(&attributes)
    }

    @Test func aMillionParentheses() {
        onSmallStack {
            let opening = [UInt8](repeating: 0x28, count: 1_000_000)
            let error = failure(opening)
            #expect(error?.kind == .tooDeep && error?.byteOffset == 1_000)
            // With the limit lifted only memory counts: parse, check, look up, refuse to print half a terabyte, free.
            let limits = SexpLimits(depthMax: 1_000_000, printedBytesMax: 1 << 22)
            let unclosed = failure(opening, limits: limits)
            #expect(unclosed?.kind == .unterminatedList && unclosed?.column == 1_000_000)
            do {
                let document = try SexpDocument.parse(
                    opening + [UInt8](repeating: 0x29, count: 1_000_000), limits: limits)
                #expect(document.nodeCount == 1_000_000 && document.end(of: 999_999) == 1_000_000)
                #expect(document.childCount(of: 999_998) == 1 && document.childCount(of: 999_999) == 0)
                var snapshot: [UInt8] = []
                document.appendSnapshot(to: &snapshot)
                #expect(snapshot.count == document.snapshotBytes)
                let refused = #expect(throws: SexpError.self) { try document.canonicalBytes() }
                #expect(refused?.kind == .tooLarge)
            } catch {
                Issue.record(error)
            }
        }
    }

    /// Guessing the cause must stay linear: many children of a deeply indented, unclosed list.
    @Test func hintsAreLinear() throws {
        let text = "(a\n" + String(repeating: " ", count: 50_000) + "(b\n" + String(repeating: "(c)\n", count: 20_000)
        let error = try #require(failure(text))
        #expect(error.kind == .unterminatedList && error.hint.hasPrefix("line 3 is indented no deeper than"))
        let inside = "(a\n (b " + String(repeating: "(c)", count: 20_000) + String(repeating: " #", count: 20_000)
        #expect(failure(inside)?.kind == .unterminatedList)
    }

    @Test func anIndexOfNoNodeEndsTheProcess() async {
        await #expect(processExitsWith: .failure) {
            let document = try SexpDocument.parse(Array("(a)".utf8))
            _ = document.kind(of: 2)
        }
    }

    @Test func listsOfAnyLength() throws {
        for count in [65_534, 65_535, 65_536] {
            let text = "(pts " + String(repeating: "(xy 1 2)", count: count) + ")"
            let document = try SexpDocument.parse(Array(text.utf8))
            #expect(document.childCount(of: document.root) == count + 1)
        }
    }
}
