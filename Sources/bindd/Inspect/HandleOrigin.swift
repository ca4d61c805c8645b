// The request that a handle came of, as its client wrote it down. The number is the one that `bindd trace`, the log and crash
// reports have. None: the handle was read from shared memory, or made in a batch.

import CLayout
import Wire

struct HandleOrigin {
    let request: UInt64
    let operation: String
    /// Between asking and the answer; nil: nobody waited.
    let waitedUs: UInt32?

    /// nil when there was no request.
    init?(_ record: bd_ledger_record) {
        guard record.request != 0 else { return nil }
        request = record.request
        operation = UInt16(exactly: record.operation).flatMap(operationName) ?? "operation \(record.operation)"
        waitedUs = record.waited_us == 0 ? nil : record.waited_us
    }

    /// For rows and facts: the same members with and without a request.
    static func members(_ origin: HandleOrigin?) -> [(String, JSONValue)] {
        guard let origin else { return [("request", .null), ("made_by", .null), ("made_s", .null)] }
        let waited = origin.waitedUs.map { JSONValue.double(Double($0) / 1e6) }
        return [("request", .uint(origin.request)), ("made_by", .string(origin.operation)), ("made_s", waited ?? .null)]
    }

    /// request 88,213 sexp.load 17ms
    var text: String {
        "request \(Units.count(request)) \(operation)\(waitedUs.map { " " + Units.duration(microseconds: UInt64($0)) } ?? "")"
    }
}
