// Who may become a client: the hello against what this daemon speaks, and the page that came with it.
// Must not answer or log: it says what to answer. Cost: one decoding, one mmap.

import CLayout
import CShim
import Glibc
import Wire

enum HelloRefusal: Error, Equatable {
    /// No bindd client, or a broken one: cut without an answer.
    case broken(String)
    /// A client that deserves to hear why.
    case answer(RemoteError)
}

enum HelloCheck {
    static func check(_ payload: [UInt8], identity: DaemonIdentity) throws(HelloRefusal) -> Hello {
        let (major, minor) = try version(payload)
        guard major == Hello.protocolMajor else {
            throw mismatch("protocol \(major).\(minor)", "protocol \(identity.protocolText)", build: "", identity)
        }
        let hello: Hello
        do throws(WireError) { hello = try Hello(decoding: payload) } catch { throw .broken(error.description) }
        guard hello.layoutVersion == identity.layoutVersion else {
            throw mismatch(
                "memory layout \(hello.layoutVersion)", "memory layout \(identity.layoutVersion)", build: hello.build,
                identity)
        }
        guard hello.descriptionHash == identity.descriptionHash else {
            throw mismatch(
                "API \(hexText(hello.descriptionHash, digits: 16))",
                "API \(hexText(identity.descriptionHash, digits: 16))", build: hello.build, identity)
        }
        if let fault = workspaceNameFault(hello.workspace) {
            throw .answer(
                RemoteError("ValueError", "the workspace name \(fault)", hint: "use letters, digits, - and _"))
        }
        return hello
    }

    /// Maps the client's page; the descriptor stays the caller's.
    static func mapPage(_ fds: [Int32], layoutVersion: UInt32) throws(HelloRefusal) -> SharedPage {
        guard fds.count == 1 || fds.count == 2 else {
            throw .broken("a hello carries 1 or 2 descriptors, this one carried \(fds.count)")
        }
        let byteCount = Int(BD_CLIENT_PAGE_BYTES)
        switch bd_page_check(fds[0], byteCount) {
        case 0: break
        case -EPERM: throw badPage("is not sealed against shrinking and growing")
        case -EMSGSIZE: throw badPage("has not exactly \(byteCount) bytes")
        default: throw badPage("is no memory file")
        }
        let page: SharedPage
        do throws(SystemError) { page = try SharedPage(fd: fds[0], byteCount: byteCount) } catch {
            throw badPage("cannot be mapped: \(error)")
        }
        let content = page.clientPage()
        guard content.magic == UInt64(BD_CLIENT_PAGE_MAGIC), content.layout_version == layoutVersion else {
            throw badPage("does not begin with this layout's magic and version")
        }
        return page
    }

    /// The second descriptor, where there is one, kept open; the caller's stays the caller's.
    static func ledger(_ fds: [Int32]) throws(HelloRefusal) -> LedgerFile? {
        guard fds.count == 2 else { return nil }
        guard bd_page_check(fds[1], Int(BD_LEDGER_BYTES)) == 0 else {
            throw badPage("came with a ledger that is no sealed memory file of \(BD_LEDGER_BYTES) bytes")
        }
        let own = fcntl(fds[1], F_DUPFD_CLOEXEC, 3)
        return own >= 0 ? LedgerFile(fd: own) : nil
    }

    /// nil when the name is good ("" is: a private workspace).
    static func workspaceNameFault(_ name: String) -> String? {
        let bytesMax = Limits.workspaceNameBytesMax
        guard name.utf8.count <= bytesMax else { return "has \(name.utf8.count) bytes, the limit is \(bytesMax)" }
        guard !name.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }) else {
            return "holds control characters"
        }
        return nil
    }

    /// Magic and version stand first in the hello of every version; what follows them may differ.
    private static func version(_ payload: [UInt8]) throws(HelloRefusal) -> (major: UInt32, minor: UInt32) {
        var reader = PayloadReader(payload)
        do throws(WireError) {
            let magic = try reader.u32()
            guard magic == Hello.magic else {
                throw WireError("no bindd hello: magic 0x\(String(magic, radix: 16))")
            }
            return (try reader.u32(), try reader.u32())
        } catch { throw .broken(error.description) }
    }

    private static func mismatch(
        _ client: String, _ daemon: String, build: String, _ identity: DaemonIdentity
    ) -> HelloRefusal {
        let clientBuild = build.isEmpty ? "" : " (build \(build))"
        return .answer(
            RemoteError(
                "VersionMismatch",
                "the client speaks \(client)\(clientBuild), "
                    + "the daemon \(identity.version) (build \(identity.build)) speaks \(daemon)",
                hint: "install client and daemon of one build, or let BINDD_SOCKET name another socket"))
    }

    private static func badPage(_ what: String) -> HelloRefusal {
        .answer(RemoteError("BinddUnavailable", "the client's page \(what)", hint: "client and daemon differ in build"))
    }
}
