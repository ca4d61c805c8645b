import Glibc
import GraphCore

/// An arena in anonymous memory, freed with its owner.
final class TestMemory {
    let bytes: Int
    let base: UnsafeMutableRawPointer
    private(set) var reclaimedBytes = 0

    init(bytes: Int = 1 << 30) {
        self.bytes = bytes
        guard let map = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
            map != MAP_FAILED
        else { fatalError("no memory for a test arena") }
        base = map
    }

    deinit { munmap(base, bytes) }

    func arena() -> Arena {
        Arena(base: base, capacityBytes: bytes) { [unowned self] range in
            reclaimedBytes += range.count
            madvise(base + range.lowerBound, range.count, MADV_DONTNEED)
        }
    }
}

/// Deterministic numbers: the seed is printed where a test fails.
struct Numbers: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed &* 2 &+ 1 }
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
