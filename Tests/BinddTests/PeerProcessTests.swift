// Whether a process is gone: also when it is not reaped, also when its pid is another one's by now.

import Glibc
import Testing

@testable import bindd

@Suite struct PeerProcessTests {
    @Test func theLivingAndTheUnknownAreNotGone() {
        #expect(!PeerProcess(pid: getpid()).isGone)
        #expect(!PeerProcess(pid: 0).isGone, "in another pid namespace")
        #expect(!PeerProcess(pid: getpid(), startTicks: nil).isGone)
    }

    @Test func anotherOneWithItsPidIsNotIt() throws {
        let ticks = try #require(ProcessFiles.startTicks(pid: getpid()))
        #expect(!PeerProcess(pid: getpid(), startTicks: ticks).isGone)
        #expect(PeerProcess(pid: getpid(), startTicks: ticks - 1).isGone)
    }

    @Test func theDeadAreGoneBeforeTheyAreReaped() throws {
        var pid: pid_t = 0
        let words = [strdup("sleep"), strdup("1000"), nil]
        defer { for word in words { free(word) } }
        #expect(posix_spawnp(&pid, "sleep", nil, nil, words, nil) == 0)
        let process = PeerProcess(pid: pid)
        #expect(!process.isGone)
        kill(pid, SIGKILL)
        var about = siginfo_t()
        #expect(waitid(P_PID, id_t(pid), &about, WEXITED | WNOWAIT) == 0)
        #expect(ProcessFiles.state(pid: pid) == "Z" && process.isGone)
        #expect(waitpid(pid, nil, 0) == pid)
        #expect(process.isGone)
    }
}
