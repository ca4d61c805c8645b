// The steps of a crash as a Python program. Where nodes stand that the worker made is known when the steps before are applied:
// so it is written in a child, which applies them one by one and may die of them. Cost: a run.

import CCrash
import CShim
import Glibc
import GraphCore

extension CrashRun {
    /// What the child's answer begins with when it is the program.
    private static let written = "+"

    /// The program, whose last line is the guilty request, or why there is none.
    func script(about: String) -> Result<String, CrashError> {
        if crash.image != nil, !crash.imageIsEmpty {
            return .failure(CrashError(
                "the journal began with an image of the workspace, and the requests that would make what it held do not lead to "
                    + "the same crash"))
        }
        var ends: [Int32] = [-1, -1]
        let piped = bd_pipe_pair(&ends)
        guard piped == 0 else { return .failure(CrashError("\(SystemError("pipe", negative: piped))")) }
        let pid = bd_process_fork()
        if pid == 0 {
            close(ends[0])
            write(about, to: ends[1])
        }
        close(ends[1])
        defer { close(ends[0]) }
        guard pid > 0 else { return .failure(CrashError("\(SystemError("fork", negative: pid))")) }
        let bytes = CrashRun.readToEnd(ends[0], limitMs)
        _ = CrashRun.wait(for: pid, bytes == nil ? 0 : limitMs)
        guard let bytes, !bytes.isEmpty else {
            return .failure(CrashError("a worker that applies the requests before the last one dies or hangs"))
        }
        let answer = String(decoding: bytes, as: UTF8.self)
        let text = String(answer.dropFirst())
        return answer.hasPrefix(CrashRun.written) ? .success(text) : .failure(CrashError(text))
    }

    private func write(_ about: String, to fd: Int32) -> Never {
        var answer: String
        do {
            let workspace = try makeWorkspace()
            var script = RequestScript { node, view in CrashRun.place(of: node, in: view, workspace) }
            for index in crash.steps.indices {
                try script.add(crash.steps[index])
                if index < crash.steps.count - 1 { try apply(index, workspace, nil) }
            }
            answer = CrashRun.written + script.text(about)
        } catch { answer = "-\(error)" }
        _exit(writeAll(fd, answer) ? 0 : 1)
    }

    private static func place(of node: UInt32, in view: UInt32?, _ workspace: Workspace) -> (view: UInt32, index: Int)? {
        for view in view.map({ [$0] }) ?? workspace.graph.liveViews.ids.sorted() {
            if let index = try? workspace.graph.nodes(view: view).firstIndex(of: node) { return (view, index) }
        }
        return nil
    }

    /// nil: nobody wrote in time.
    private static func readToEnd(_ fd: Int32, _ limitMs: Int32) -> [UInt8]? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            var item = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
            guard poll(&item, 1, limitMs) > 0 else { return nil }
            let count = read(fd, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return bytes }
            bytes += buffer[..<count]
        }
    }
}
