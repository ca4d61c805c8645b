// The operations that the protocol itself needs. Methods of the API are numbered after them, from
// `Operation.firstMethod`. Must not list a method. Cost: none.

public enum Operation {
    public static let hello: UInt16 = 0
    public static let control: UInt16 = 1
    public static let sync: UInt16 = 2
    public static let release: UInt16 = 3
    public static let lease: UInt16 = 4
    public static let pin: UInt16 = 5
    public static let batch: UInt16 = 6
    public static let advance: UInt16 = 7
    public static let foretell: UInt16 = 8
    public static let crash: UInt16 = 9
    public static let firstMethod: UInt16 = 16

    /// `kind` says whether it belongs into the journal; a barrier waits as a call does and changes nothing.
    public static let table: [(name: String, number: UInt16, kind: RequestKind, doc: String)] = [
        ("hello", hello, .query, "first message of a connection; answered by the worker of the workspace"),
        ("control", control, .query, "a question to the supervisor: command and arguments; answered with a JSON object"),
        ("sync", sync, .query, "barrier: answered when every earlier request of this client is applied"),
        ("release", release, .command, "u32 kind, list of u32 index: the client holds these no longer"),
        ("lease", lease, .call, "u32 kind, u32 wanted: more ids for objects that the client names; the head shows them"),
        ("pin", pin, .command, "u32 kind, list of u32 index: the client holds these, keep them until it releases them"),
        (
            "advance", advance, .command,
            "u32 node, u32 edge, u32 view: ids below these stand in a batch that is not there yet; the worker takes none of them"
        ),
        (
            "foretell", foretell, .command,
            "u32 first node, u32 count, u32 first edge, u32 count: the ids of what the very next request makes. Its sender "
                + "knows how many it takes and that it cannot fail, and goes on behind them without waiting"
        ),
        (
            "batch", batch, .call,
            "list of (u16 operation, u16 zero, u32 payload bytes, payload): commands, all of which are applied or none; "
                + "answers u32 1. An empty list changes nothing and answers whether the client's last batch was applied"
        ),
        (
            "crash", crash, .notice,
            "last words of a dying worker: u32 0, empty str, i32 signal, u32 operation, u64 request, u32 slot, u32 elapsed ms, "
                + "u64 address, u64 pc, u64 frames, i32 signal code, u32 0 (`bd_crash_notice`); nothing follows it"
        ),
    ]
}

/// What a request costs: see DESIGN, "Requests".
public enum RequestKind: String, Sendable {
    /// Changes state, cannot fail given what the client knows: no reply.
    case command
    /// Changes state and may fail, or answers something that the client cannot name: one round trip.
    case call
    /// Changes nothing: one round trip.
    case query
    /// Answered inside the client: no message.
    case local
    /// Sent by a worker, never by a client.
    case notice
}
