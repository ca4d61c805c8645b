// A workspace after the death of its worker: what was acknowledged is there, nothing else is; wherever it dies, whatever
// cannot be written, however often.

import CLayout
import Glibc
import GraphCore
import Journal
import Testing
import Wire

@testable import bindd

@Suite struct RecoveryTests {
    /// A script of edits by two clients; at each point that `tries` says, a copy of the journals is what a process left that
    /// died there. Counts points and deaths.
    private func play(
        seed: UInt64, edits: Int, compactEvery: Int = .max, tries: @escaping (Int) -> Bool
    ) throws -> (points: Int, deaths: Int) {
        let world = try SimulatedWorkspace()
        var script = SimulatedEdits(seed: seed)
        var points = 0
        var deaths = 0
        var failure: (any Error)?
        world.dies = {
            points += 1
            guard tries(points), failure == nil else { return false }
            deaths += 1
            do {
                let found = try world.recovered()
                #expect(try difference(found, world.currentOracle()) == nil, "seed \(seed), death at point \(points)")
                found.graph.checkInvariants()
            } catch { failure = error }
            return false
        }
        for _ in 0..<2 { try world.open(script.hello()) }
        for number in 0..<edits {
            let client = world.clients[number % world.clients.count]
            guard let session = world.workspace.sessions[client.hello.session] else { continue }
            try world.receive(script.message(session), from: client)
            if number % compactEvery == compactEvery - 1 { try world.compact() }
        }
        if let failure { throw failure }
        return (points, deaths)
    }

    @Test func deathAtEveryStepOfAThousandEdits() throws {
        let isLong = getenv("BINDD_TEST_LONG") != nil
        let (points, deaths) = try play(seed: 1, edits: 1000) { isLong || $0 <= 200 || $0 % 17 == 0 }
        print("death at every step: \(deaths) deaths at \(points) points of 1000 edits, no difference")
        #expect(points > 3000)
    }

    @Test func imagesAreAsGoodAsTheRequestsBeforeThem() throws {
        for seed in UInt64(1)...3 {
            let (_, deaths) = try play(seed: seed, edits: 150, compactEvery: 40) { $0 % 9 == 0 }
            #expect(deaths > 30)
        }
    }

    /// Fails the 1st, 2nd, 3rd … write, half of it done, until a run is clean.
    @Test(arguments: [ENOSPC, EIO]) func everyWriteCanFail(code: Int32) throws {
        var failing = 0
        var wasClean = false
        while !wasClean {
            failing += 1
            let world = try SimulatedWorkspace()
            var script = SimulatedEdits(seed: 7)
            let start = world.files.map(\.calls).reduce(0, +)
            for file in world.files {
                file.partly = failing % 3 * 20
                file.failing = { _ in world.files.map(\.calls).reduce(0, +) - start == failing ? code : 0 }
            }
            while world.clients.isEmpty { try world.open(script.hello()) }
            for number in 0..<60 {
                let client = world.clients[0]
                guard let session = world.workspace.sessions[client.hello.session] else { break }
                try world.receive(script.message(session), from: client)
                if number % 20 == 19 { try world.compact() }
            }
            wasClean = world.files.map(\.calls).reduce(0, +) - start < failing
            try world.recover()
            #expect(try difference(world.workspace, world.oracle()) == nil, "write \(failing)")
        }
        #expect(failing > 50)
    }

    /// Sessions, deaths, failing writes, pauses and images in any order.
    @Test func simulation() throws {
        let count = getenv("BINDD_TEST_LONG") != nil ? 10_000 : 300
        var deaths = 0
        var refused = 0
        for seed in UInt64(1)...UInt64(count) {
            let world = try SimulatedRun(seed: seed).run()
            deaths += world.deaths
            refused += world.refused
        }
        print("simulation: \(count) seeds, \(deaths) deaths, \(refused) refused changes, 0 differences")
        #expect(deaths > count && refused > 0)
    }

    /// The machinery finds a bug that is there.
    @Test func canary() throws {
        var found = 0
        for seed in UInt64(1)...40 {
            do { _ = try SimulatedRun(seed: seed, cursorRunsAhead: true).run() } catch { found += 1 }
        }
        #expect(found > 0)
    }

    @Test func aDamagedTailLosesWhatItHeldAndSaysSo() throws {
        let world = try SimulatedWorkspace()
        var script = SimulatedEdits(seed: 3)
        try world.open(script.hello())
        for _ in 0..<50 {
            guard let session = world.workspace.sessions.values.first else { break }
            try world.receive(script.message(session), from: world.clients[0])
        }
        let whole = world.files[0].survivor()
        for cut in [1, 9, 60, 200, 400] {
            let damaged = JournalMemory(bytes: Array(whole.bytes.dropLast(cut)), head: whole.head?.pointee)
            let reader = try #require(
                try JournalReader(
                    files: [damaged, JournalMemory()], descriptionHash: Description.shared.hash,
                    changesState: Description.shared.changesState))
            let next = try Workspace(name: "simulated", memoryLimit: SimulatedWorkspace.memoryLimit)
            try Recovery.run(reader, into: next)
            let isLossTold = next.sessions.values.allSatisfy { $0.recovery.map { $0.lostCount > 0 && !$0.damage.isEmpty } ?? false }
            #expect(isLossTold == (reader.missing != nil), "cut by \(cut)")
            #expect(cut < 200 || isLossTold)
            next.graph.checkInvariants()
        }
    }

    @Test func everyDamagedByteIsNoticedOrHarmless() throws {
        let world = try SimulatedWorkspace()
        var script = SimulatedEdits(seed: 5)
        try world.open(script.hello())
        for _ in 0..<20 {
            guard let session = world.workspace.sessions.values.first else { break }
            try world.receive(script.message(session), from: world.clients[0])
        }
        let whole = world.files[0].survivor()
        for at in stride(from: Int(BD_JOURNAL_HEAD_BYTES), to: whole.bytes.count, by: 3) {
            var bytes = whole.bytes
            bytes[at] ^= 0x41
            let reader = try #require(
                try JournalReader(
                    files: [JournalMemory(bytes: bytes, head: whole.head?.pointee), JournalMemory()],
                    descriptionHash: Description.shared.hash, changesState: Description.shared.changesState))
            #expect(reader.damage != nil || bytes[at] ^ 0x41 == 0, "byte \(at)")  // or it is padding
        }
    }
}

/// One seed of the simulation. Throws when the state differs from the oracle's.
struct SimulatedRun {
    struct Difference: Error {
        let seed: UInt64
        let what: String
    }
    let seed: UInt64
    var cursorRunsAhead = false

    func run() throws -> SimulatedWorkspace {
        let world = try SimulatedWorkspace()
        world.cursorRunsAhead = cursorRunsAhead
        var script = SimulatedEdits(seed: seed)
        var random = SeededRandom(state: seed &* 0x9E37_79B9)
        var isFailing = false
        func setFailing(_ code: Int32, partly: Int) {
            for file in world.files {
                file.partly = partly
                file.failing = { _ in code }
            }
            isFailing = code != 0
        }
        var sinceDeath = 0
        var untilDeath = Int.random(in: 20..<120, using: &random)
        world.dies = {
            sinceDeath += 1
            return sinceDeath == untilDeath
        }
        for _ in 0..<60 {
            do {
                try step(world, &script, &random)
                if Int.random(in: 0..<15, using: &random) == 0 {
                    setFailing(isFailing ? 0 : ENOSPC, partly: Int.random(in: 0..<80, using: &random))
                }
            } catch is Death {
                try world.recover()
                isFailing = false
                sinceDeath = 0
                untilDeath = Int.random(in: 5..<150, using: &random)
                if let what = try difference(world.workspace, world.oracle()) { throw Difference(seed: seed, what: what) }
            }
        }
        world.dies = { false }
        try world.recover()
        if let what = try difference(world.workspace, world.oracle()) { throw Difference(seed: seed, what: what) }
        return world
    }

    private func step(
        _ world: SimulatedWorkspace, _ script: inout SimulatedEdits, _ random: inout SeededRandom
    ) throws {
        let choice = Int.random(in: 0..<40, using: &random)
        if world.clients.isEmpty || choice == 0, world.clients.count < 3 { return try world.open(script.hello()) }
        guard let client = world.clients.randomElement(using: &random) else { return }
        if choice == 1 { return try world.close(client) }
        if choice == 2 { return try world.compact() }
        var bytes: [UInt8] = []
        // Ids are the lease's next ones, so that one message is made and applied before the next, or they repeat: both happen.
        for _ in 0..<Int.random(in: 1..<4, using: &random) {
            if let session = world.workspace.sessions[client.hello.session] { bytes += script.message(session) }
        }
        let cut = Bool.random(using: &random) ? bytes.count : Int.random(in: 0..<bytes.count, using: &random)
        let pause = Int.random(in: 1..<5, using: &random)
        try world.receive(Array(bytes[..<cut]), from: client, pausingAfter: pause)
        try world.receive(Array(bytes[cut...]), from: client, pausingAfter: pause)
    }
}
