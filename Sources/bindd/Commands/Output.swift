// Standard output of the commands: plain writes, a broken pipe is no error, colours only for a terminal that
// wants them.

import CShim
import Glibc

enum Output {
    /// Writes all of it. A reader that left (`| head`) ends the command in peace.
    static func write(_ text: String) {
        signal(SIGPIPE, SIG_IGN)
        guard !writeAll(1, text) else { return }
        if errno == EPIPE { exit(0) }
        writeAll(2, "bindd: cannot write: \(SystemError.text(errno))\n")
        exit(ExitStatus.failure)
    }

    /// Columns of the terminal; nil when the output goes elsewhere (then nothing is cut).
    static var columns: Int? {
        let columns = Int(bd_terminal_columns(1))
        return columns > 0 ? columns : nil
    }

    static var isTerminal: Bool { isatty(1) != 0 }

    static var style: Style {
        let noColor = environmentVariable("NO_COLOR") ?? ""
        return Style(isOn: isatty(1) != 0 && noColor.isEmpty && environmentVariable("TERM") != "dumb")
    }
}

struct Style {
    let isOn: Bool

    func bold(_ text: String) -> String { isOn ? "\u{1B}[1m\(text)\u{1B}[0m" : text }
    func warning(_ text: String) -> String { isOn ? "\u{1B}[33m\(text)\u{1B}[0m" : text }
}

/// Text from elsewhere (a program's name, a workspace) without anything that a terminal would obey.
func shownText(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
        let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
        let isDirection = (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
        out.unicodeScalars.append(isControl || isDirection ? "\u{FFFD}" : scalar)
    }
    return out
}
