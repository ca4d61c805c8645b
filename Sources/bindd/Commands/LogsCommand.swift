// `bindd logs`: the daemon's log, its last lines, and with -f what comes. Reads the file: no daemon is asked or started.
//
// The file begins anew when it has grown too large, and is set aside when a daemon starts with a large one: following
// goes on in both cases. Cost: a look at the file five times a second.

import ArgumentParser
import CShim
import Glibc

struct LogsCommand: ParsableCommand {
    enum Level: String, ExpressibleByArgument, CaseIterable {
        case debug, info, warning, error

        var names: [String] {
            switch self {
            case .debug: ["trace", "debug", "info", "notice", "warning", "error", "critical"]
            case .info: ["info", "notice", "warning", "error", "critical"]
            case .warning: ["warning", "error", "critical"]
            case .error: ["error", "critical"]
            }
        }
    }

    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Show the daemon's log.",
        discussion: "One line per event: time, level, event, key=value. Exits with status 3 when there is no log.")

    @OptionGroup var place: SocketOption

    @Flag(name: .shortAndLong, help: "Go on with what comes, until Ctrl-C.")
    var follow = false

    @Option(name: [.customShort("n"), .long], parsing: .unconditional, help: "So many of the last lines (0: all).")
    var lines = 50

    @Option(help: "Only of this level or above: debug, info, warning, error.")
    var level = Level.debug

    @Option(help: ArgumentHelp("Only lines with this text.", valueName: "text"))
    var grep: String?

    func run() throws {
        try atLeast(0, lines, "--lines")
        let path: SocketPath
        do { path = try composedSocketPath(option: place.socket, identity: composedIdentity()) } catch {
            throw commandFailure(error)
        }
        guard let file = LogFile(path.log) else {
            throw failure("there is no log at \(path.log)\n  hint: no daemon was started there yet", ExitStatus.notRunning)
        }
        let filter = LogFilter(levels: Set(level.names), text: grep)
        let all = file.newLines().filter(filter.takes)
        Output.write((lines > 0 ? all.suffix(lines) : all[...]).map { $0 + "\n" }.joined())
        while follow {
            usleep(200_000)
            Output.write(file.newLines().filter(filter.takes).map { $0 + "\n" }.joined())
        }
    }
}

struct LogFilter {
    let levels: Set<String>
    let text: String?

    func takes(_ line: String) -> Bool {
        let words = line.split(separator: " ", maxSplits: 2)
        guard words.count > 1, levels.contains(String(words[1])) else { return false }
        return text.map { line.contains($0) } ?? true
    }
}

/// Lines of a file that grows, begins anew, or is replaced.
final class LogFile {
    private let path: String
    private var fd: Int32
    private var offset = 0
    private var rest: [UInt8] = []

    init?(_ path: String) {
        self.path = path
        fd = bd_file_open(path, O_RDONLY)
        guard fd >= 0 else { return nil }
    }

    deinit { if fd >= 0 { close(fd) } }

    /// Whole lines that came since the last time.
    func newLines() -> [String] {
        var lines = read()
        guard isReplaced else { return lines }
        close(fd)
        fd = bd_file_open(path, O_RDONLY)
        offset = 0
        rest = []
        if fd >= 0 { lines += read() }
        return lines
    }

    private var isReplaced: Bool {
        var there = stat()
        var ours = stat()
        guard stat(path, &there) == 0 else { return false }
        return fd < 0 || fstat(fd, &ours) != 0 || there.st_ino != ours.st_ino
    }

    private func read() -> [String] {
        var about = stat()
        guard fd >= 0, fstat(fd, &about) == 0 else { return [] }
        if about.st_size < offset {
            offset = 0
            rest = []
        }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        var lines: [String] = []
        while true {
            let count = pread(fd, &bytes, bytes.count, offset)
            guard count > 0 else { return lines }
            offset += count
            rest.append(contentsOf: bytes[..<count])
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                lines.append(shownText(String(decoding: rest[..<end], as: UTF8.self)))
                rest.removeFirst(end + 1)
            }
        }
    }
}
