// The terminal's second page, without echo and wrapping; as it was when closed, however the program ends. Nothing of that when
// the output goes elsewhere: then one text after the other. Cost: two system calls a page.

import CShim
import Glibc

final class Screen {
    private var before = termios()
    private var signals: Int32 = -1
    private var isOpen = false
    private var isFirst = true
    /// Lines left out above.
    private var skipped = 0

    init() { open() }

    private func open() {
        guard Output.isTerminal, isatty(0) != 0, tcgetattr(0, &before) == 0 else { return }
        signals = bd_signals_open()
        guard signals >= 0 else { return }
        var raw = before
        raw.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
        isOpen = tcsetattr(0, TCSANOW, &raw) == 0
        guard isOpen else { return bd_signals_close(signals) }
        Output.write("\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l")
    }

    func close() {
        guard isOpen else { return }
        isOpen = false
        Output.write("\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l")
        tcsetattr(0, TCSANOW, &before)
        bd_signals_close(signals)
    }

    func show(_ text: String) {
        defer { isFirst = false }
        guard isOpen else { return Output.write((isFirst ? "" : "\n") + text) }
        let page = Page(text, rows: Int(bd_terminal_rows(1)), skipped: skipped)
        skipped = page.skipped
        Output.write("\u{1B}[H" + page.lines.map { $0 + "\u{1B}[K" }.joined(separator: "\n") + "\u{1B}[J")
    }

    /// False when the user wants no more. `text` is shown again where keys or the terminal's size ask for it.
    func wait(seconds: Double, text: () -> String) -> Bool {
        guard isOpen else {
            usleep(UInt32(seconds * 1_000_000))
            return true
        }
        let endNs = bd_clock_monotonic_ns() + UInt64(seconds * 1e9)
        while true {
            let nowNs = bd_clock_monotonic_ns()
            guard nowNs < endNs else { return true }
            var items = [pollfd(fd: 0, events: Int16(POLLIN), revents: 0), pollfd(fd: signals, events: Int16(POLLIN), revents: 0)]
            guard poll(&items, 2, Int32(clamping: (endNs - nowNs) / 1_000_000 + 1)) > 0 else { continue }
            if items[1].revents != 0 { answer(bd_signals_next(signals)) }
            if items[0].revents != 0 {
                switch key() {
                case .end: return false
                case .look: return true
                case .stop: stop()
                case .move(let lines): skipped = max(skipped + lines, 0)
                case .other: continue
                }
            }
            show(text())
        }
    }

    private func answer(_ signal: Int32) {
        switch signal {
        case SIGTSTP: stop()
        case SIGWINCH, 0: return
        default:
            close()
            Glibc.signal(signal, SIG_DFL)
            kill(getpid(), signal)
        }
    }

    /// Until somebody goes on with it.
    private func stop() {
        close()
        kill(getpid(), SIGSTOP)
        open()
    }

    private enum Key { case end, look, stop, move(Int), other }

    private func key() -> Key {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(0, &bytes, bytes.count)
        guard count > 0 else { return .end }
        let page = max(Int(bd_terminal_rows(1)) - 2, 1)
        switch String(decoding: bytes[..<count], as: UTF8.self) {
        case "q", "Q", "\u{03}", "\u{04}": return .end
        case " ": return .look
        case "\u{1A}": return .stop
        case "j", "\u{1B}[B", "\u{1B}OB": return .move(1)
        case "k", "\u{1B}[A", "\u{1B}OA": return .move(-1)
        case "\u{1B}[6~": return .move(page)
        case "\u{1B}[5~": return .move(-page)
        case "\u{1B}[H", "\u{1B}OH", "\u{1B}[1~": return .move(-Int(Int32.max))
        case "\u{1B}[F", "\u{1B}OF", "\u{1B}[4~": return .move(Int(Int32.max))
        case let keys: return keys.contains("q") || keys.contains("\u{03}") ? .end : .other
        }
    }
}

/// The lines of a text that a terminal has room for; the last row tells how many are not shown.
struct Page {
    let lines: [String]
    /// As far down as there is something.
    let skipped: Int

    init(_ text: String, rows: Int, skipped: Int) {
        var all = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if all.last == "" { all.removeLast() }
        guard rows > 1, all.count > rows else {
            lines = all
            self.skipped = 0
            return
        }
        let room = rows - 1
        self.skipped = min(max(skipped, 0), all.count - room)
        let below = all.count - room - self.skipped
        let more = [self.skipped > 0 ? "\(self.skipped) above" : "", below > 0 ? "\(below) below" : ""].filter { !$0.isEmpty }
        lines = all[self.skipped..<self.skipped + room] + ["… \(more.joined(separator: ", ")): arrows, page keys"]
    }
}
