// Where state lives that outlives a process: journals and crash reports. $BINDD_STATE, else $XDG_STATE_HOME/bindd, else
// ~/.local/state/bindd. Must be ours alone, as the socket's folder. Cost: a few system calls.

import Glibc

struct StateFolder {
    let path: String

    /// Makes the folder if need be. The reason when it cannot be used.
    static func prepare(uid: UInt32, variable: (String) -> String?) -> Result<StateFolder, SocketPathError> {
        guard let path = path(variable: variable) else {
            return .failure(SocketPathError(message: "there is no HOME", hint: "set BINDD_STATE to a folder of your own"))
        }
        do throws(SocketPathError) {
            let folder = StateFolder(path: path)
            try folder.make(uid: uid)
            return .success(folder)
        } catch { return .failure(error) }
    }

    /// A folder inside, made if need be.
    func inner(_ name: String, uid: UInt32) throws(SocketPathError) -> StateFolder {
        let folder = StateFolder(path: "\(path)/\(name)")
        try folder.make(uid: uid)
        return folder
    }

    /// As the settings say, whether it exists or not; nil when they say nothing.
    static func path(variable: (String) -> String?) -> String? {
        func absolute(_ name: String) -> String? {
            guard let text = variable(name), text.hasPrefix("/") else { return nil }
            return text
        }
        if let path = absolute("BINDD_STATE") { return path }
        if let path = absolute("XDG_STATE_HOME") { return "\(path)/bindd" }
        return absolute("HOME").map { "\($0)/.local/state/bindd" }
    }

    private func make(uid: UInt32) throws(SocketPathError) {
        try StateFolder.makeAll(path)
        var facts = stat()
        guard lstat(path, &facts) == 0 else { throw StateFolder.notMade(path) }
        guard facts.st_mode & S_IFMT == S_IFDIR, facts.st_uid == uid, facts.st_mode & 0o022 == 0 else {
            throw SocketPathError(
                message: "the folder \(path) is a link, another user's or writable by others",
                hint: "chmod 700 it, or set BINDD_STATE to a folder of your own")
        }
    }

    /// As `mkdir -p` would.
    private static func makeAll(_ path: String) throws(SocketPathError) {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else { throw notMade(path) }
        try makeAll(String(path[..<slash]))
        mkdir(path, 0o700)
    }

    private static func notMade(_ path: String) -> SocketPathError {
        SocketPathError(
            message: "cannot create the folder \(path): \(SystemError.text(errno))",
            hint: "set BINDD_STATE to a folder of your own")
    }
}
