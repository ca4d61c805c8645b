// The loop's wrappers: each handle fires, closes, and leaves the loop empty.

import CShim
import Glibc
import Testing

@testable import bindd

@Suite struct LoopTests {
    @Test func timersFireAndStop() throws {
        let loop = try EventLoop()
        var fired = 0
        var timer: Timer?
        timer = Timer(loop: loop) {
            fired += 1
            if fired == 3 { timer?.close() }
        }
        timer?.start(afterMs: 1, repeatMs: 1)
        loop.run()
        #expect(fired == 3)
        timer = nil
        try loop.close()
    }

    /// What is freed goes back when the work rests: once, and not after every small thing.
    @Test func memoryIsTrimmedWhenTheWorkRests() throws {
        let loop = try EventLoop()
        var trims = 0
        let trim = IdleTrim(loop: loop) { trims += 1 }
        for _ in 0..<1000 { trim.used(1000) }
        loop.run()
        #expect(trims == 0)  // less than a mebibyte: no timer, the loop had nothing to do
        trim.used(50_000)
        loop.run()
        #expect(trims == 1)
        for _ in 0..<5 { trim.used(1 << 20) }
        loop.run()
        #expect(trims == 2)
        trim.close()
        try loop.close()
    }

    /// Who never rests has it all the same, but not at each look.
    @Test func memoryIsTrimmedUnderSteadyWork() throws {
        let loop = try EventLoop()
        var turns = 0
        var trimsAt: [Int] = []
        let trim = IdleTrim(loop: loop) { trimsAt.append(turns) }
        var work: Timer?
        work = Timer(loop: loop) {
            turns += 1
            trim.used(1 << 20)
            if trimsAt.count == 2 { work?.close() }
        }
        work?.start(afterMs: 1, repeatMs: 1)
        loop.run()
        #expect(trimsAt.count >= 2 && trimsAt[0] > 20 && trimsAt[1] > trimsAt[0] + 20, "\(trimsAt)")
        work = nil
        trim.close()
        try loop.close()
    }

    @Test func aHandleLeftOpenIsTold() throws {
        let loop = try EventLoop()
        let timer = Timer(loop: loop) {}
        #expect(throws: LoopError.self) { try loop.close() }
        timer.close()
        timer.close()
        try loop.close()
    }

    @Test func closedWatchersAreFreed() throws {
        let loop = try EventLoop()
        weak var seen: Timer?
        do {
            let timer = Timer(loop: loop) {}
            seen = timer
            timer.close()
        }
        loop.run()
        #expect(seen == nil)
        try loop.close()
    }

    @Test func descriptorsTravel() throws {
        var ends: [Int32] = [-1, -1]
        #expect(bd_socket_pair(&ends) == 0)
        defer { for fd in ends { close(fd) } }
        let page = bd_page_create("travel", 4096)
        defer { close(page) }
        let loop = try EventLoop()
        var received: [Int32] = []
        var watcher: SocketWatcher?
        watcher = try SocketWatcher(loop: loop, fd: ends[1]) { events in
            #expect(events == .readable)
            var bytes = [UInt8](repeating: 0, count: 16)
            var fds: [Int32] = [-1, -1]
            var count = fds.count
            #expect(bd_message_receive(ends[1], &bytes, bytes.count, &fds, &count) == 3)
            received = Array(fds.prefix(count))
            watcher?.close()
        }
        try watcher?.watch(.readable)
        #expect(bd_message_send(ends[0], [1, 2, 3] as [UInt8], 3, [page, page], 2) == 3)
        loop.run()
        watcher = nil
        #expect(received.count == 2)
        for fd in received {
            #expect(bd_page_check(fd, 4096) == 0)
            #expect(fcntl(fd, F_GETFD) & FD_CLOEXEC != 0)
            close(fd)
        }
        try loop.close()
    }

    @Test func tooManyDescriptorsAreClosedNotKept() {
        var ends: [Int32] = [-1, -1]
        #expect(bd_socket_pair(&ends) == 0)
        defer { for fd in ends { close(fd) } }
        let page = bd_page_create("many", 4096)
        defer { close(page) }
        #expect(bd_message_send(ends[0], [1] as [UInt8], 1, [page, page, page, page], 4) == 1)
        var byte: UInt8 = 0
        var fds: [Int32] = [-1]
        var count = 1
        #expect(bd_message_receive(ends[1], &byte, 1, &fds, &count) == -Int(EMSGSIZE))
        #expect(count == 0)
    }

    private func run(_ arguments: [String]) throws -> ChildExit? {
        let loop = try EventLoop()
        var exit: ChildExit?
        let plan = ChildProcess.Plan(
            file: "/bin/sh", arguments: ["sh", "-c"] + arguments, environment: ["A=1"], descriptors: [-1, -1, -1],
            workingDirectory: "/", isDetached: true)
        let child = try ChildProcess(loop: loop, plan: plan) { exit = $0 }
        loop.run()
        #expect(exit?.pid == child.pid)
        child.close()
        try loop.close()
        return exit
    }

    @Test func childrenEnd() throws {
        let exited = try run(["exit 7"])
        #expect(exited?.status == 7 && exited?.signal == 0)
        let killed = try run(["kill -9 $$"])
        #expect(killed?.signal == SIGKILL)
        // The planned environment and folder, and no other.
        let planned = try run(["test \"$A$HOME\" = 1 && test \"$PWD\" = /"])
        #expect(planned?.status == 0)
    }

    @Test func aMissingProgramIsAnErrorAndLeavesNothing() throws {
        let loop = try EventLoop()
        let plan = ChildProcess.Plan(
            file: "/no/such/program", arguments: ["x"], environment: [], descriptors: [], workingDirectory: nil,
            isDetached: false)
        #expect(throws: LoopError.self) { try ChildProcess(loop: loop, plan: plan) { _ in } }
        loop.run()
        try loop.close()
    }
}
