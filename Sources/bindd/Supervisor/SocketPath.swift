// Where the daemon lives in the file system, and whether that place is safe. The same rules hold in the Python client.
//
// The folder must be ours alone (our uid, mode 0700, no symbolic link): who may write there decides to whom clients talk.
// Beside the socket S: S.lock (flock of the daemon, for life; holds its pid), S.start (flock of starters), S.log.
// Must not connect or listen. Cost: a few lstat.

import Glibc

struct SocketPathError: Error, Equatable, CustomStringConvertible {
    let message: String
    let hint: String
    var description: String { hint.isEmpty ? message : "\(message)\n  hint: \(hint)" }
}

struct SocketPath: Equatable {
    let socket: String
    let folder: String

    var lock: String { socket + ".lock" }
    var log: String { socket + ".log" }
    var oldLog: String { socket + ".log.1" }

    /// Bound and listening before it is renamed to `socket`. Short, because the path of a socket has little room.
    func temporary(pid: Int32) -> String { "\(folder)/.\(pid)" }

    /// `option` ($BINDD_SOCKET's command-line form) and `variable($BINDD_SOCKET)` name the socket itself; else it is
    /// `name` in $XDG_RUNTIME_DIR/bindd or /tmp/bindd-<uid>.
    init(
        option: String?, name: String, uid: UInt32, currentFolder: String, variable: (String) -> String?
    ) throws(SocketPathError) {
        let path: String
        if let named = option ?? nonEmpty(variable("BINDD_SOCKET")) {
            path = named.hasPrefix("/") ? named : "\(currentFolder)/\(named)"
        } else if let runtime = nonEmpty(variable("XDG_RUNTIME_DIR")), runtime.hasPrefix("/") {
            path = "\(SocketPath.trimmed(runtime))/bindd/\(name)"
        } else {
            path = "/tmp/bindd-\(uid)/\(name)"
        }
        try self.init(path: path)
    }

    private init(path: String) throws(SocketPathError) {
        guard let slash = path.lastIndex(of: "/"), path.index(after: slash) != path.endIndex else {
            throw SocketPathError(
                message: "\"\(path)\" names a folder, not a socket",
                hint: "BINDD_SOCKET and --socket take the path of the socket itself, such as /tmp/me/bindd.sock")
        }
        guard path.utf8.count <= DaemonLimits.socketPathBytesMax else {
            throw SocketPathError(
                message: "the socket path has \(path.utf8.count) bytes, the limit is \(DaemonLimits.socketPathBytesMax): "
                    + path,
                hint: "set BINDD_SOCKET to a shorter path in a folder of your own (mode 0700)")
        }
        guard !path.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            throw SocketPathError(message: "the socket path holds control characters", hint: "set BINDD_SOCKET anew")
        }
        socket = path
        folder = slash == path.startIndex ? "/" : SocketPath.trimmed(String(path[..<slash]))
    }

    enum FolderState: Equatable { case safe, absent }

    /// Makes the folder (one level) if it is absent, and checks it.
    func prepareFolder(uid: UInt32) throws(SocketPathError) {
        if mkdir(folder, 0o700) != 0, errno != EEXIST {
            throw SocketPathError(
                message: "cannot create the folder \(folder): \(SystemError.text(errno))",
                hint: "set BINDD_SOCKET to a path in a folder of your own (mode 0700)")
        }
        guard try checkFolder(uid: uid) == .safe else {
            throw SocketPathError(message: "the folder \(folder) went away", hint: "try again")
        }
    }

    /// Throws the reason when the folder is there and not safe.
    func checkFolder(uid: UInt32) throws(SocketPathError) -> FolderState {
        var status = stat()
        guard lstat(folder, &status) == 0 else {
            if errno == ENOENT { return .absent }
            throw SocketPathError(message: "cannot look at \(folder): \(SystemError.text(errno))", hint: "")
        }
        let refused = "the folder \(folder) is not safe for the daemon's socket: "
        switch status.st_mode & S_IFMT {
        case S_IFDIR: break
        case S_IFLNK:
            throw SocketPathError(
                message: refused + "it is a symbolic link", hint: "remove it, or set BINDD_SOCKET to a real folder")
        default:
            throw SocketPathError(
                message: refused + "it is not a folder", hint: "remove it, or set BINDD_SOCKET to a real folder")
        }
        guard status.st_uid == uid else {
            throw SocketPathError(
                message: refused + "it belongs to uid \(status.st_uid), you are uid \(uid)",
                hint: "set BINDD_SOCKET to a path in a folder of your own (mode 0700)")
        }
        guard status.st_mode & 0o077 == 0 else {
            let mode = String(status.st_mode & 0o7777, radix: 8)
            throw SocketPathError(
                message: refused + "its mode is 0\(mode), others may enter",
                hint: "chmod 700 \(folder), or set BINDD_SOCKET to a path in a folder of your own")
        }
        return .safe
    }

    /// Without slashes at the end, so that lstat looks at a link and not behind it.
    private static func trimmed(_ path: String) -> String {
        var path = path
        while path.utf8.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }
}

private func nonEmpty(_ text: String?) -> String? {
    guard let text, !text.isEmpty else { return nil }
    return text
}
