// `bindd top`: the table of `inspect handles`, again and again; q or Ctrl-C ends it. Where the output is no terminal, one
// table after the other. Never starts a daemon, waits for none to come. Cost: that of a look, once in a while.

import ArgumentParser
import Glibc

struct TopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Show clients and kinds of handles, live.",
        discussion: "q or Ctrl-C ends it. Exits with status 3 when no daemon runs.")

    @OptionGroup var place: SocketOption

    @Option(name: [.customShort("d"), .long], help: ArgumentHelp("Seconds between looks.", valueName: "seconds"))
    var delay = 2.0

    @Option(name: [.customShort("n"), .long], help: ArgumentHelp("End after so many looks.", valueName: "n"))
    var looks: Int?

    func run() throws {
        guard delay >= 0.05, delay < 86_400 else { throw misuse("--delay \(delay) is no number of seconds from 0.05 to 86,400") }
        var text = try table()
        let screen = Screen()
        var left = (looks ?? Int.max)
        while true {
            screen.show(text)
            left -= 1
            guard left > 0, !screen.waitForEnd(seconds: delay) else { break }
            do { text = try table() } catch {
                screen.close()
                throw error
            }
        }
        screen.close()
    }

    private func table() throws -> String {
        let look = HandleLook(try HandleListing.ask(place))
        let scan = HandleScan(HandleScan.Plan(), holders: look.holders, nowNs: look.nowNs)
        return inspectionText(look.enriched(scan), handle: nil, width: Output.columns, style: Output.style)
    }
}

/// The terminal's second page, without echo; as it was when closed. Nothing of that when the output goes elsewhere.
final class Screen {
    private var before = termios()
    private var isRaw = false
    private var isFirst = true

    init() {
        guard Output.isTerminal, isatty(0) != 0, tcgetattr(0, &before) == 0 else { return }
        var raw = before
        raw.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
        isRaw = tcsetattr(0, TCSANOW, &raw) == 0
        Output.write("\u{1B}[?1049h\u{1B}[?25l")
    }

    func show(_ text: String) {
        if isRaw {
            var size = winsize()
            let rows = ioctl(1, UInt(TIOCGWINSZ), &size) == 0 && size.ws_row > 1 ? Int(size.ws_row) : Int.max
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).prefix(rows - 1)
            Output.write("\u{1B}[H" + lines.map { $0 + "\u{1B}[K\n" }.joined() + "\u{1B}[J")
        } else {
            Output.write((isFirst ? "" : "\n") + text)
        }
        isFirst = false
    }

    /// True when the user wants no more.
    func waitForEnd(seconds: Double) -> Bool {
        guard isRaw else {
            usleep(UInt32(seconds * 1_000_000))
            return false
        }
        var item = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
        guard poll(&item, 1, Int32(seconds * 1000)) > 0 else { return false }
        var key: UInt8 = 0
        guard read(0, &key, 1) == 1 else { return true }
        return key == UInt8(ascii: "q") || key == 3 || key == 4
    }

    func close() {
        guard isRaw else { return }
        isRaw = false
        Output.write("\u{1B}[?25h\u{1B}[?1049l")
        tcsetattr(0, TCSANOW, &before)
    }
}
