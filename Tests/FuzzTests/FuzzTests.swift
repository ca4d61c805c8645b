// Each target bears its seeds, their beginnings and damaged copies of them, and every case that libFuzzer ever found.
// Compiled with FUZZING (fuzz/run.py), the same bundle is the fuzzer itself.

import Glibc
import Testing

@Suite(.serialized) struct FuzzTests {
    @Test(arguments: FuzzTarget.all) func bearsWhatWasFound(_ target: FuzzTarget) {
        #expect(!target.seeds().isEmpty)
        for path in files(in: "\(fixtures)/fuzz/\(target.name)") {
            let bytes = readBytes(path)
            let isText = path.hasSuffix(".txt")
            target.run(isText ? SessionCase(text: String(decoding: bytes, as: UTF8.self)).bytes : bytes)
        }
    }

    /// What libFuzzer does in its first second, for runs that have no libFuzzer: the same bytes each time.
    @Test(arguments: FuzzTarget.all) func bearsDamagedSeeds(_ target: FuzzTarget) {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        func random(_ below: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state >> 33) % max(below, 1)
        }
        let seeds = target.seeds()
        for seed in seeds {
            target.run(seed)
            for _ in 0..<max(1, 300 / seeds.count) {
                var bytes = Array(seed.prefix(random(4) == 0 ? random(seed.count) : seed.count))
                for _ in 0...random(3) where !bytes.isEmpty { bytes[random(bytes.count)] = UInt8(truncatingIfNeeded: random(256)) }
                target.run(bytes)
            }
        }
    }

    @Test func casesOfSessionsKeepTheirMeaning() {
        for path in files(in: "\(fixtures)/fuzz/session") {
            let text = String(decoding: readBytes(path), as: UTF8.self)
            let these = SessionCase(text: text)
            #expect(!these.requests.isEmpty, "\(path)")
            #expect(SessionCase(bytes: these.bytes).text == these.text, "\(path)")
            #expect(SessionCase(wire: these.wire).text == these.text, "\(path)")
        }
    }

    #if FUZZING
        /// BINDD_FUZZ names the target, BINDD_FUZZ_ARGUMENTS has one argument of libFuzzer a line. Does not return.
        @Test(.enabled(if: environment("BINDD_FUZZ") != nil)) func fuzz() {
            guard let target = FuzzTarget.all.first(where: { $0.name == environment("BINDD_FUZZ") }) else { exit(2) }
            let words = ["fuzz"] + (environment("BINDD_FUZZ_ARGUMENTS") ?? "").split(separator: "\n").map(String.init)
            running = target
            var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
            var count = Int32(words.count)
            arguments.withUnsafeMutableBufferPointer { list in
                var first = list.baseAddress
                exit(LLVMFuzzerRunDriver(&count, &first, fuzzOne))
            }
        }

        /// Writes the seeds, each a file.
        @Test(.enabled(if: environment("BINDD_FUZZ_SEEDS") != nil)) func seeds() throws {
            let folder = try #require(environment("BINDD_FUZZ_SEEDS"))
            for target in FuzzTarget.all {
                mkdir("\(folder)/\(target.name)", 0o755)
                for (number, seed) in target.seeds().enumerated() {
                    let file = try #require(fopen("\(folder)/\(target.name)/seed-\(number)", "wb"))
                    fwrite(seed, 1, seed.count, file)
                    fclose(file)
                }
            }
        }

        /// Turns files of BINDD_FUZZ_TEXTS into cases as text beside them: *.wire is what a client sent, others are inputs.
        @Test(.enabled(if: environment("BINDD_FUZZ_TEXTS") != nil)) func texts() throws {
            for path in files(in: try #require(environment("BINDD_FUZZ_TEXTS"))) where !path.hasSuffix(".txt") {
                let bytes = readBytes(path)
                var these = path.hasSuffix(".wire") ? SessionCase(wire: bytes) : SessionCase(bytes: bytes)
                these.requests = Array(these.requests.prefix(SessionCase.requestsMax))
                let file = try #require(fopen("\(path).txt", "wb"))
                fputs(these.text, file)
                fclose(file)
            }
        }
    #endif
}

#if FUZZING
    nonisolated(unsafe) private var running: FuzzTarget?

    private func fuzzOne(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
        running?.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
        return 0
    }

    @_silgen_name("LLVMFuzzerRunDriver")
    private func LLVMFuzzerRunDriver(
        _ count: UnsafeMutablePointer<Int32>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
        _ one: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
    ) -> Int32
#endif
