// SPDX-License-Identifier: MIT
#include "core/config/settings_table.h"

#include <algorithm>
#include <array>

#include "core/config/nearest.h"

namespace winghorn::config {
namespace {

constexpr auto kNotYet = Availability::NotYet;
constexpr auto kMoot = Availability::Moot;
constexpr auto kCommand = Effect::Command;
constexpr auto kRestart = Effect::Restart;

constexpr std::string_view kConfigFile = "Config File";
constexpr std::string_view kSocket = "Server Socket";
constexpr std::string_view kWorkers = "Worker Processes";
constexpr std::string_view kDeadlines = "Request Deadlines";
constexpr std::string_view kClocks = "Clocks and Buffers";
constexpr std::string_view kSecurity = "Security";
constexpr std::string_view kDebugging = "Debugging";
constexpr std::string_view kMechanics = "Server Mechanics";
constexpr std::string_view kLogging = "Logging";
constexpr std::string_view kNaming = "Process Naming";
constexpr std::string_view kHooks = "Server Hooks";
constexpr std::string_view kSsl = "SSL";
constexpr std::string_view kHttp2 = "HTTP/2";
constexpr std::string_view kDirty = "Dirty Arbiters";
constexpr std::string_view kControl = "Control";

constexpr std::string_view kNoAsgi = "only WSGI applications are served";
constexpr std::string_view kNoTls = "TLS is not spoken; let a proxy in front terminate it";
constexpr std::string_view kNoHttp2 = "only HTTP/1 is spoken";
constexpr std::string_view kNoDirty = "there are no dirty arbiters";
constexpr std::string_view kNoControl = "there is no control socket";

// Seats are reserved for two generations of this many workers (a reload runs both for a moment).
constexpr std::int64_t kMostWorkers = 512;
constexpr std::int64_t kMostThreads = 256;
constexpr std::int64_t kMostHeadBytes = 16 * 1024 * 1024;

// clang-format off
constexpr auto kSettings = std::to_array<Setting>({
    // ---- Config File
    {.name = "config", .section = kConfigFile, .flags = "-c --config", .metavar = "CONFIG",
     .fallback = "./winghorn.conf.py", .effect = kCommand,
     .help = "The config file: PATH, file:PATH or python:MODULE. Without it ./winghorn.conf.py is read if it exists, else ./gunicorn.conf.py."},
    {.name = "wsgi_app", .section = kConfigFile, .effect = kCommand,
     .help = "The application as MODULE[:EXPR], used when none is named on the command line."},

    // ---- Server Socket
    {.name = "bind", .section = kSocket, .flags = "-b --bind", .metavar = "ADDRESS",
     .kind = Kind::TextList, .fallback = "127.0.0.1:8000", .variable = "PORT", .variable_prefix = "0.0.0.0:",
     .help = "Where to listen: HOST, HOST:PORT, [V6]:PORT, unix:PATH or fd://N. May be repeated."},
    {.name = "backlog", .section = kSocket, .flags = "--backlog", .metavar = "INT",
     .kind = Kind::Integer, .unit = "connections", .fallback = 2048, .effect = kRestart,
     .help = "How many connections the kernel may keep waiting for a worker."},

    // ---- Worker Processes
    {.name = "workers", .section = kWorkers, .flags = "-w --workers", .metavar = "INT",
     .kind = Kind::Integer, .unit = "processes", .fallback = 1, .most = kMostWorkers, .variable = "WEB_CONCURRENCY",
     .help = "How many worker processes serve."},
    {.name = "worker_class", .section = kWorkers, .flags = "-k --worker-class", .metavar = "STRING",
     .kind = Kind::WorkerClass, .fallback = "sync", .choices = "sync gthread",
     .help = "How a worker runs requests: sync (one at a time) or gthread (in threads)."},
    {.name = "threads", .section = kWorkers, .flags = "--threads", .metavar = "INT",
     .kind = Kind::Integer, .unit = "threads", .fallback = 1, .most = kMostThreads,
     .help = "How many requests a worker runs at once; above 1 the worker class sync becomes gthread."},
    {.name = "worker_connections", .section = kWorkers, .flags = "--worker-connections", .metavar = "INT",
     .kind = Kind::Integer, .unit = "connections", .fallback = 1000, .least = 1,
     .help = "How many connections a worker holds open at once, idle ones included."},
    {.name = "max_requests", .section = kWorkers, .flags = "--max-requests", .metavar = "INT",
     .kind = Kind::Integer, .unit = "requests", .fallback = 0,
     .help = "Replace a worker after this many requests, its successor first; 0 never does."},
    {.name = "max_requests_jitter", .section = kWorkers, .flags = "--max-requests-jitter", .metavar = "INT",
     .kind = Kind::Integer, .unit = "requests", .fallback = 0,
     .help = "The most that is added at random to max_requests, for each worker anew."},
    {.name = "timeout", .section = kWorkers, .flags = "-t --timeout", .metavar = "INT",
     .kind = Kind::Integer, .unit = "seconds", .fallback = 30, .most = kMostSeconds,
     .help = "Replace a worker that has made no progress for this long; 0 never does."},
    {.name = "graceful_timeout", .section = kWorkers, .flags = "--graceful-timeout", .metavar = "INT",
     .kind = Kind::Integer, .unit = "seconds", .fallback = 30, .most = kMostSeconds,
     .help = "How long running requests may take to finish when a worker stops."},
    {.name = "keepalive", .section = kWorkers, .flags = "--keep-alive", .metavar = "INT",
     .kind = Kind::Integer, .unit = "seconds", .fallback = 75, .most = kMostSeconds,
     .help = "How long an idle connection may wait for its next request; 0 closes it after each response."},
    {.name = "asgi_loop", .section = kWorkers, .flags = "--asgi-loop", .metavar = "STRING",
     .kind = Kind::Choice, .fallback = "auto", .choices = "auto asyncio uvloop", .availability = kNotYet, .reason = kNoAsgi,
     .help = "The event loop of asgi workers."},
    {.name = "asgi_lifespan", .section = kWorkers, .flags = "--asgi-lifespan", .metavar = "STRING",
     .kind = Kind::Choice, .fallback = "auto", .choices = "auto on off", .availability = kNotYet, .reason = kNoAsgi,
     .help = "Whether asgi workers tell the application of start and stop."},
    {.name = "asgi_disconnect_grace_period", .section = kWorkers, .flags = "--asgi-disconnect-grace-period", .metavar = "INT",
     .kind = Kind::Integer, .unit = "seconds", .fallback = 3, .availability = kNotYet, .reason = kNoAsgi,
     .help = "How long a request's task may go on after its client has left."},
    {.name = "websocket_max_message_size", .section = kWorkers, .flags = "--websocket-max-message-size", .metavar = "INT",
     .kind = Kind::Integer, .unit = "bytes", .fallback = 16777216, .availability = kNotYet, .reason = kNoAsgi,
     .help = "The largest WebSocket message that is accepted."},
    {.name = "http_parser", .section = kWorkers, .flags = "--http-parser", .metavar = "STRING",
     .kind = Kind::Choice, .fallback = "auto", .choices = "auto fast python", .availability = kMoot,
     .reason = "winghorn has one parser",
     .help = "gunicorn's choice between its two parsers."},

    // ---- Request Deadlines (winghorn's own)
    {.name = "request_timeout", .section = kDeadlines, .flags = "--request-timeout", .metavar = "SECONDS",
     .kind = Kind::Decimal, .unit = "seconds", .fallback = 0, .most = kMostSeconds,
     .help = "How long a request may take, waiting for a free thread included; then its client gets request_timeout_status and the code that runs for it is stopped. 0 means for ever."},
    {.name = "request_timeouts", .section = kDeadlines,
     .kind = Kind::Durations, .unit = "seconds", .fallback = "", .most = kMostSeconds,
     .help = "Other times than request_timeout for paths that begin with a prefix, as in {'/reports/': 120, '/events': 0}; the longest prefix counts."},
    {.name = "request_timeout_status", .section = kDeadlines, .flags = "--request-timeout-status", .metavar = "INT",
     .kind = Kind::Integer, .fallback = 504, .least = 400, .most = 599,
     .help = "The status of the answer to a request that took too long."},
    {.name = "request_timeout_grace", .section = kDeadlines, .flags = "--request-timeout-grace", .metavar = "SECONDS",
     .kind = Kind::Decimal, .unit = "seconds", .fallback = 2, .most = kMostSeconds,
     .help = "How long code that is stopped at its deadline may take to come to an end; then its thread is replaced, or in sync its worker."},
    {.name = "request_timeout_extension", .section = kDeadlines, .flags = "--request-timeout-extension", .metavar = "SECONDS",
     .kind = Kind::Decimal, .unit = "seconds", .fallback = 300, .most = kMostSeconds,
     .help = "How many seconds an application may add to the deadline of one request, all calls of extend() together."},
    {.name = "stuck_slots_limit", .section = kDeadlines, .flags = "--stuck-slots-limit", .metavar = "INT",
     .kind = Kind::Integer, .unit = "threads", .fallback = 4, .most = kMostThreads,
     .help = "How many threads that do not come back after their deadline a gthread worker replaces; with more it is replaced itself, when its other requests have finished."},
    {.name = "slow_request", .section = kDeadlines, .flags = "--slow-request", .metavar = "SECONDS",
     .kind = Kind::Decimal, .unit = "seconds", .fallback = 0, .most = kMostSeconds,
     .help = "Log where a request stands that has taken this long, once, and let it go on. 0 never does."},
    {.name = "queue_limit", .section = kDeadlines, .flags = "--queue-limit", .metavar = "INT",
     .kind = Kind::Integer, .unit = "requests", .fallback = 2048, .least = 1,
     .help = "How many complete requests may wait in a worker for a free thread; more are answered 503 at once, with Retry-After."},
    {.name = "queue_timeout", .section = kDeadlines, .flags = "--queue-timeout", .metavar = "SECONDS",
     .kind = Kind::Decimal, .unit = "seconds", .fallback = 0, .most = kMostSeconds,
     .help = "How long a complete request may wait for a free thread; then it is answered 503 and never reaches the application. 0 waits for ever."},
    {.name = "socket_timeout", .section = kDeadlines, .flags = "--socket-timeout", .metavar = "SECONDS",
     .kind = Kind::Decimal, .unit = "seconds", .fallback = 0, .most = kMostSeconds,
     .help = "The timeout of sockets that the application opens and sets none for (socket.setdefaulttimeout). 0 leaves Python's default."},

    // ---- Clocks and Buffers (winghorn's own)
    {.name = "first_byte_timeout", .section = kClocks, .flags = "--first-byte-timeout", .metavar = "INT",
     .kind = Kind::Integer, .unit = "seconds", .fallback = 30, .least = 1, .most = kMostSeconds,
     .help = "How long a new connection may say nothing; then it is closed."},
    {.name = "head_timeout", .section = kClocks, .flags = "--head-timeout", .metavar = "INT",
     .kind = Kind::Integer, .unit = "seconds", .fallback = 30, .least = 1, .most = kMostSeconds,
     .help = "How long a client may take to send a request's line and headers; then 408."},
    {.name = "body_timeout", .section = kClocks, .flags = "--body-timeout", .metavar = "INT",
     .kind = Kind::Integer, .unit = "seconds", .fallback = 30, .least = 1, .most = kMostSeconds,
     .help = "How long a client may all but pause while it sends a request's body; then 408."},
    {.name = "write_timeout", .section = kClocks, .flags = "--write-timeout", .metavar = "INT",
     .kind = Kind::Integer, .unit = "seconds", .fallback = 60, .least = 1, .most = kMostSeconds,
     .help = "How long a client may all but pause while it takes a response; then the connection is closed."},
    {.name = "minimum_rate", .section = kClocks, .flags = "--minimum-rate", .metavar = "INT",
     .kind = Kind::Integer, .unit = "bytes a second", .fallback = 16,
     .help = "What a client must send of a body, or take of a response, over each body_timeout or write_timeout, or it counts as a pause. 0: anything at all will do."},
    {.name = "linger_timeout", .section = kClocks, .flags = "--linger-timeout", .metavar = "INT",
     .kind = Kind::Integer, .unit = "seconds", .fallback = 2, .least = 1, .most = kMostSeconds,
     .help = "How long a client may go on sending what nobody reads any more, so that the answer it has been given is not destroyed."},
    {.name = "body_buffer", .section = kClocks, .flags = "--body-buffer", .metavar = "INT",
     .kind = Kind::Integer, .unit = "bytes", .fallback = 131072, .least = 4096,
     .help = "How much of a request's body is held in memory; what is beyond goes to a temporary file (worker_tmp_dir)."},
    {.name = "spill_limit", .section = kClocks, .flags = "--spill-limit", .metavar = "INT",
     .kind = Kind::Integer, .unit = "bytes", .fallback = 1073741824, .most = std::int64_t{1} << 50,
     .help = "How much of a request's body the temporary file may hold; a longer one is read no faster than the application reads it."},

    // ---- Security
    {.name = "limit_request_line", .section = kSecurity, .flags = "--limit-request-line", .metavar = "INT",
     .kind = Kind::Integer, .unit = "bytes", .fallback = 4094, .most = kMostHeadBytes,
     .help = "The longest request line; 414 beyond. At most 8190; 0 means 1 MiB."},
    {.name = "limit_request_fields", .section = kSecurity, .flags = "--limit-request-fields", .metavar = "INT",
     .kind = Kind::Integer, .unit = "headers", .fallback = 100,
     .help = "The most headers of a request; 431 beyond. At most 32768, which 0 means too."},
    {.name = "limit_request_field_size", .section = kSecurity, .flags = "--limit-request-field_size", .metavar = "INT",
     .kind = Kind::Integer, .unit = "bytes", .fallback = 8190, .most = kMostHeadBytes,
     .help = "The longest header line; 431 beyond. 0 means 8190."},

    {.name = "limit_request_body", .section = kSecurity, .flags = "--limit-request-body", .metavar = "INT",
     .kind = Kind::Integer, .unit = "bytes", .fallback = 0, .most = std::int64_t{1} << 50,
     .help = "The longest request body; 413 beyond, before the application runs unless it began to read a body that is longer than body_buffer and spill_limit hold. 0 sets no limit."},
    {.name = "limit_peer_connections", .section = kSecurity, .flags = "--limit-peer-connections", .metavar = "INT",
     .kind = Kind::Integer, .unit = "connections", .fallback = 0,
     .help = "How many connections one client address (of IPv6 one /64 network) may hold open in each worker; more are closed at once. 0 sets no limit. Peers in forwarded_allow_ips and on Unix sockets are not counted."},
    {.name = "require_host", .section = kSecurity, .flags = "--require-host",
     .kind = Kind::Flag, .fallback = false,
     .help = "Refuse HTTP/1.1 requests without a Host header (RFC 9112 3.2); off, because gunicorn accepts them. Two of them, or a malformed one, are always refused."},

    // ---- Debugging
    {.name = "reload", .section = kDebugging, .flags = "--reload",
     .kind = Kind::Flag, .fallback = false,
     .help = "Reload when a file of the application has changed, as HUP does; for development."},
    {.name = "reload_engine", .section = kDebugging, .flags = "--reload-engine", .metavar = "STRING",
     .kind = Kind::Choice, .fallback = "auto", .choices = "auto poll inotify",
     .help = "How reload notices changes: told by the kernel (inotify), by looking each second (poll), or as it can (auto)."},
    {.name = "reload_extra_files", .section = kDebugging, .flags = "--reload-extra-file", .metavar = "FILES",
     .kind = Kind::TextList, .fallback = "",
     .help = "More files for reload to watch, or patterns of them (*, ?, [ and **). May be repeated."},
    {.name = "spew", .section = kDebugging, .flags = "--spew",
     .kind = Kind::Flag, .fallback = false, .effect = kRestart,
     .help = "Print every line of Python that is executed, as MODULE:LINE: SOURCE. For finding a fault; all else is slow then."},
    {.name = "check_config", .section = kDebugging, .flags = "--check-config",
     .kind = Kind::Flag, .fallback = false, .effect = kCommand,
     .help = "Check the configuration, load the application and exit: 0 when all is well, 1 otherwise."},
    {.name = "print_config", .section = kDebugging, .flags = "--print-config",
     .kind = Kind::Flag, .fallback = false, .effect = kCommand,
     .help = "Print every setting's value, then do as --check-config."},

    // ---- Server Mechanics
    {.name = "preload_app", .section = kMechanics, .flags = "--preload",
     .kind = Kind::Flag, .fallback = false,
     .help = "Import the application once, in a process of its own (the zygote) from which workers are then forked: they start at once and share its memory. A reload (HUP) imports it anew."},
    {.name = "sendfile", .section = kMechanics, .flags = "--no-sendfile",
     .kind = Kind::Flag, .stores_false = true, .variable = "SENDFILE",
     .help = "Whether files of wsgi.file_wrapper are sent by the kernel; on unless switched off here or by the environment variable SENDFILE."},
    {.name = "reuse_port", .section = kMechanics, .flags = "--reuse-port",
     .kind = Kind::Flag, .fallback = false, .effect = kRestart,
     .help = "Give each worker TCP sockets of its own (SO_REUSEPORT), among which the kernel spreads connections; by default all take from one queue, which loses none when a worker dies."},
    {.name = "chdir", .section = kMechanics, .flags = "--chdir", .metavar = "DIR",
     .effect = kCommand,
     .help = "The folder to change to before the application is loaded; the current one by default."},
    {.name = "daemon", .section = kMechanics, .flags = "-D --daemon",
     .kind = Kind::Flag, .fallback = false, .effect = kRestart,
     .help = "Go into the background. Under systemd and in containers it is better left off."},
    {.name = "raw_env", .section = kMechanics, .flags = "-e --env", .metavar = "ENV",
     .kind = Kind::TextList, .fallback = "",
     .help = "A variable for the application's environment, as KEY=VALUE. May be repeated."},
    {.name = "pidfile", .section = kMechanics, .flags = "-p --pid", .metavar = "FILE",
     .help = "The file that holds the arbiter's pid. One that names a living process stops the start."},
    {.name = "worker_tmp_dir", .section = kMechanics, .flags = "--worker-tmp-dir", .metavar = "DIR",
     .help = "The folder for temporary files with long request bodies; the system's own by default. Workers' heartbeats are in shared memory and need no folder."},
    {.name = "user", .section = kMechanics, .flags = "-u --user", .metavar = "USER",
     .kind = Kind::User,
     .help = "The user that workers run as, by name or number; the one who starts the server by default. The arbiter stays who it is."},
    {.name = "group", .section = kMechanics, .flags = "-g --group", .metavar = "GROUP",
     .kind = Kind::Group,
     .help = "The group that workers run as, by name or number; that of the start by default."},
    {.name = "umask", .section = kMechanics, .flags = "-m --umask", .metavar = "INT",
     .kind = Kind::Octal, .fallback = 0, .most = 0777, .effect = kRestart,
     .help = "The mode bits that a Unix socket is made without."},
    {.name = "initgroups", .section = kMechanics, .flags = "--initgroups",
     .kind = Kind::Flag, .fallback = false,
     .help = "Give workers of another user all groups that it is in, not just the one of the setting group."},
    {.name = "tmp_upload_dir", .section = kMechanics,
     .availability = kMoot, .reason = "it never had an effect in gunicorn; temporary files go to worker_tmp_dir",
     .help = "A setting of gunicorn's without effect."},
    {.name = "secure_scheme_headers", .section = kMechanics,
     .kind = Kind::Table, .fallback = "X-FORWARDED-PROTOCOL=ssl,X-FORWARDED-PROTO=https,X-FORWARDED-SSL=on",
     .help = "Headers, with the value of each, by which a trusted proxy says that its client used https."},
    {.name = "forwarded_allow_ips", .section = kMechanics, .flags = "--forwarded-allow-ips", .metavar = "STRING",
     .kind = Kind::Networks, .fallback = "127.0.0.1,::1", .variable = "FORWARDED_ALLOW_IPS",
     .help = "The proxies whose forwarding headers are believed: addresses, networks, or * for any. Peers on a Unix socket always are."},
    {.name = "forwarded", .section = kMechanics, .flags = "--forwarded", .metavar = "STRING",
     .kind = Kind::Choice, .fallback = "off", .choices = "off x rfc7239",
     .help = "Which header of a proxy in forwarded_allow_ips names its client, who is then REMOTE_ADDR: X-Forwarded-For (x), Forwarded (rfc7239), or none. It is read from its end; the first address that is not in forwarded_allow_ips is the client."},
    {.name = "pythonpath", .section = kMechanics, .flags = "--pythonpath", .metavar = "STRING",
     .help = "Folders, separated by commas, that are put in front of Python's module path."},
    {.name = "paste", .section = kMechanics, .flags = "--paste --paster", .metavar = "FILE[#SECTION]",
     .help = "Load the application from a PasteDeploy file; one that is named in another way does not count then. Its [loggers], if there are any, are the logconfig."},
    {.name = "proxy_protocol", .section = kMechanics, .flags = "--proxy-protocol", .metavar = "MODE",
     .kind = Kind::Switch, .fallback = "off", .choices = "off v1 v2 auto", .optional_value = true,
     .help = "Read the PROXY header (v1 a line, v2 binary, auto either) that a load balancer in proxy_allow_ips may put before a connection's bytes; the client that it names is REMOTE_ADDR."},
    {.name = "proxy_allow_ips", .section = kMechanics, .flags = "--proxy-allow-from", .metavar = "STRING",
     .kind = Kind::Networks, .fallback = "127.0.0.1,::1",
     .help = "The load balancers that may send PROXY headers: addresses, networks, or * for any; peers on Unix sockets may."},
    {.name = "protocol", .section = kMechanics, .flags = "--protocol", .metavar = "STRING",
     .kind = Kind::Choice, .fallback = "http", .choices = "http uwsgi",
     .help = "What is spoken on the sockets: http, or the uwsgi protocol of gateways (docs/uwsgi.md)."},
    {.name = "uwsgi_allow_ips", .section = kMechanics, .flags = "--uwsgi-allow-from", .metavar = "STRING",
     .kind = Kind::Networks, .fallback = "127.0.0.1,::1",
     .help = "The peers that may speak the uwsgi protocol: addresses, networks, or * for any; others get 403. Peers on a Unix socket always may."},
    {.name = "raw_paste_global_conf", .section = kMechanics, .flags = "--paste-global", .metavar = "CONF",
     .kind = Kind::TextList, .fallback = "",
     .help = "A variable for the PasteDeploy file, as KEY=VALUE (in either, \\= stands for =). May be repeated."},
    {.name = "permit_obsolete_folding", .section = kMechanics, .flags = "--permit-obsolete-folding",
     .kind = Kind::Flag, .fallback = false,
     .help = "Accept headers that go on in the next line (RFC 9112 5.2); off, because intermediaries disagree about them."},
    {.name = "strip_header_spaces", .section = kMechanics, .flags = "--strip-header-spaces",
     .kind = Kind::Flag, .fallback = false,
     .help = "Accept spaces between a header's name and its colon (RFC 9112 5.1); off, because requests can be smuggled with them."},
    {.name = "permit_unconventional_http_method", .section = kMechanics, .flags = "--permit-unconventional-http-method",
     .kind = Kind::Flag, .fallback = false,
     .help = "Accept methods in lower case, with '#', or of unusual length."},
    {.name = "permit_unconventional_http_version", .section = kMechanics, .flags = "--permit-unconventional-http-version",
     .kind = Kind::Flag, .fallback = false,
     .help = "Accept HTTP versions other than 1.0 and 1.1."},
    {.name = "casefold_http_method", .section = kMechanics, .flags = "--casefold-http-method",
     .kind = Kind::Flag, .fallback = false,
     .help = "Put methods into upper case before the application sees them."},
    {.name = "forwarder_headers", .section = kMechanics, .flags = "--forwarder-headers", .metavar = "STRING",
     .kind = Kind::CommaList, .fallback = "SCRIPT_NAME,PATH_INFO",
     .help = "Header names with '_' that a trusted proxy may send; * stands for all."},
    {.name = "header_map", .section = kMechanics, .flags = "--header-map", .metavar = "STRING",
     .kind = Kind::Choice, .fallback = "drop", .choices = "drop refuse dangerous", .complaint = "Invalid header map behaviour",
     .help = "What is done with any other header whose name has '_': drop it, refuse the request, or (dangerous) pass it on."},
    {.name = "root_path", .section = kMechanics, .flags = "--root-path", .metavar = "STRING",
     .fallback = "", .availability = kNotYet, .reason = kNoAsgi,
     .help = "Where an ASGI application is mounted."},

    // ---- Logging
    {.name = "accesslog", .section = kLogging, .flags = "--access-logfile", .metavar = "FILE",
     .help = "The access log's file; - is standard output. Without it no access log is written."},
    {.name = "disable_redirect_access_to_syslog", .section = kLogging, .flags = "--disable-redirect-access-to-syslog",
     .kind = Kind::Flag, .fallback = false, .help = "Keep the access log out of syslog when the error log goes there."},
    {.name = "access_log_format", .section = kLogging, .flags = "--access-logformat --access-log-format", .metavar = "STRING",
     .fallback = R"(%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s")",
     .help = "What a line of the access log looks like; json: an object on each line."},
    {.name = "errorlog", .section = kLogging, .flags = "--error-logfile --log-file", .metavar = "FILE",
     .fallback = "-",
     .help = "The error log's file; - is standard error."},
    {.name = "loglevel", .section = kLogging, .flags = "--log-level", .metavar = "LEVEL",
     .fallback = "info", .choices = "debug info warning error critical",
     .help = "The least level that the error log shows: debug, info, warning, error or critical."},
    {.name = "log_format", .section = kLogging, .flags = "--log-format", .metavar = "FORMAT",
     .kind = Kind::Choice, .fallback = "text", .choices = "text json",
     .help = "What a record of the error log looks like: text (gunicorn's lines) or json (one object on each line)."},
    {.name = "capture_output", .section = kLogging, .flags = "--capture-output",
     .kind = Kind::Flag, .fallback = false, .help = "Append standard output and error, of the application too, to the error log's file. Without a file it does nothing."},
    {.name = "logger_class", .section = kLogging, .flags = "--logger-class", .metavar = "STRING",
     .kind = Kind::Class, .fallback = "gunicorn.glogging.Logger", .help = "The Python class that does the logging: MODULE.CLASS, or in a config file the class itself; a subclass of winghorn.glogging.Logger. The log then goes through Python's logging (docs/logs.md says what that costs), as with the next three, syslog and statsd_host."},
    {.name = "logconfig", .section = kLogging, .flags = "--log-config", .metavar = "FILE",
     .help = "An ini file for Python's logging (logging.config.fileConfig)."},
    {.name = "logconfig_dict", .section = kLogging,
     .kind = Kind::Dict, .fallback = "",
     .help = "A dictionary for Python's logging (logging.config.dictConfig), laid over winghorn.glogging.CONFIG_DEFAULTS; it wins over the two files."},
    {.name = "logconfig_json", .section = kLogging, .flags = "--log-config-json", .metavar = "FILE",
     .help = "A JSON file with such a dictionary; it wins over the ini file."},
    {.name = "syslog_addr", .section = kLogging, .flags = "--log-syslog-to", .metavar = "SYSLOG_ADDR",
     .fallback = "udp://localhost:514", .help = "Where syslog listens: unix://PATH, with #dgram or #stream behind it for one kind of socket only; udp://HOST:PORT or tcp://HOST:PORT."},
    {.name = "syslog", .section = kLogging, .flags = "--log-syslog",
     .kind = Kind::Flag, .fallback = false, .help = "Send the error log to syslog too, and the access log."},
    {.name = "syslog_prefix", .section = kLogging, .flags = "--log-syslog-prefix", .metavar = "SYSLOG_PREFIX",
     .help = "The program's name in syslog is gunicorn.PREFIX; without it, proc_name."},
    {.name = "syslog_facility", .section = kLogging, .flags = "--log-syslog-facility", .metavar = "SYSLOG_FACILITY",
     .fallback = "user", .help = "The facility in syslog: user, daemon, local0 and so on."},
    {.name = "enable_stdio_inheritance", .section = kLogging, .flags = "-R --enable-stdio-inheritance",
     .kind = Kind::Flag, .fallback = false, .effect = kRestart,
     .help = "Let a daemon keep its standard output and error, unless they are a terminal."},
    {.name = "statsd_host", .section = kLogging, .flags = "--statsd-host", .metavar = "STATSD_ADDR",
     .help = "Where statsd listens: HOST, HOST:PORT, [V6]:PORT, or unix://PATH for a Unix datagram socket; the port is 8125 when none is given."},
    {.name = "dogstatsd_tags", .section = kLogging, .flags = "--dogstatsd-tags", .metavar = "DOGSTATSD_TAGS",
     .fallback = "", .help = "Tags for each metric, as dogstatsd has them: KEY:VALUE, separated by commas."},
    {.name = "statsd_prefix", .section = kLogging, .flags = "--statsd-prefix", .metavar = "STATSD_PREFIX",
     .fallback = "", .help = "What metrics' names begin with."},
    {.name = "enable_backlog_metric", .section = kLogging, .flags = "--enable-backlog-metric",
     .kind = Kind::Flag, .fallback = false, .help = "Send statsd each second how many connections wait in the kernel for a worker, as gunicorn.backlog."},

    // ---- Process Naming
    {.name = "proc_name", .section = kNaming, .flags = "-n --name", .metavar = "STRING",
     .help = "The name in process titles: winghorn: master [NAME]. Without it, the application's."},
    {.name = "default_proc_name", .section = kNaming,
     .fallback = "winghorn",
     .help = "The name in process titles when proc_name is not given: the application's."},

    // ---- Server Hooks
    {.name = "on_starting", .section = kHooks, .kind = Kind::Callable, .fallback = "OnStarting.on_starting", .arity = 1,
     .help = "Called just before the arbiter starts: (server)."},
    {.name = "on_reload", .section = kHooks, .kind = Kind::Callable, .fallback = "OnReload.on_reload", .arity = 1,
     .help = "Called when workers are replaced on HUP: (server)."},
    {.name = "when_ready", .section = kHooks, .kind = Kind::Callable, .fallback = "WhenReady.when_ready", .arity = 1,
     .help = "Called just after the server is started: (server)."},
    {.name = "pre_fork", .section = kHooks, .kind = Kind::Callable, .fallback = "Prefork.pre_fork", .arity = 2,
     .help = "Called just before a worker is forked: (server, worker)."},
    {.name = "post_fork", .section = kHooks, .kind = Kind::Callable, .fallback = "Postfork.post_fork", .arity = 2,
     .help = "Called in a worker just after it was forked: (server, worker)."},
    {.name = "post_worker_init", .section = kHooks, .kind = Kind::Callable, .fallback = "PostWorkerInit.post_worker_init", .arity = 1,
     .help = "Called in a worker that has loaded the application: (worker)."},
    {.name = "worker_int", .section = kHooks, .kind = Kind::Callable, .fallback = "WorkerInt.worker_int", .arity = 1,
     .help = "Called in a worker that leaves on INT or QUIT: (worker)."},
    {.name = "worker_abort", .section = kHooks, .kind = Kind::Callable, .fallback = "WorkerAbort.worker_abort", .arity = 1,
     .help = "Called in a worker that timed out: (worker)."},
    {.name = "pre_exec", .section = kHooks, .kind = Kind::Callable, .fallback = "PreExec.pre_exec", .arity = 1,
     .help = "Called in the new process before it becomes the new arbiter of an upgrade (USR2): (server)."},
    {.name = "pre_request", .section = kHooks, .kind = Kind::Callable, .fallback = "PreRequest.pre_request", .arity = 2,
     .help = "Called before each request: (worker, request)."},
    {.name = "post_request", .section = kHooks, .kind = Kind::Callable, .fallback = "PostRequest.post_request", .arity = 4,
     .help = "Called after each request: (worker, request, environ, response)."},
    {.name = "child_exit", .section = kHooks, .kind = Kind::Callable, .fallback = "ChildExit.child_exit", .arity = 2,
     .help = "Called in the arbiter after a worker has exited: (server, worker)."},
    {.name = "worker_exit", .section = kHooks, .kind = Kind::Callable, .fallback = "WorkerExit.worker_exit", .arity = 2,
     .help = "Called in a worker that exits: (server, worker)."},
    {.name = "nworkers_changed", .section = kHooks, .kind = Kind::Callable, .fallback = "NumWorkersChanged.nworkers_changed", .arity = 3,
     .help = "Called when the number of workers was changed: (server, new, old)."},
    {.name = "on_exit", .section = kHooks, .kind = Kind::Callable, .fallback = "OnExit.on_exit", .arity = 1,
     .help = "Called just before the arbiter exits: (server)."},
    {.name = "ssl_context", .section = kHooks, .kind = Kind::Callable, .fallback = "NewSSLContext.ssl_context", .arity = 2,
     .availability = kNotYet, .reason = kNoTls, .help = "Called to make the TLS context: (config, default factory)."},

    // ---- SSL
    {.name = "keyfile", .section = kSsl, .flags = "--keyfile", .metavar = "FILE",
     .availability = kNotYet, .reason = kNoTls, .help = "The certificate's private key."},
    {.name = "certfile", .section = kSsl, .flags = "--certfile", .metavar = "FILE",
     .availability = kNotYet, .reason = kNoTls, .help = "The certificate, with its chain."},
    {.name = "ssl_version", .section = kSsl, .flags = "--ssl-version", .metavar = "SSL_VERSION",
     .kind = Kind::Integer, .fallback = 2, .availability = kMoot, .reason = "it has no effect in gunicorn either",
     .help = "A setting of gunicorn's without effect."},
    {.name = "cert_reqs", .section = kSsl, .flags = "--cert-reqs", .metavar = "CERT_REQS",
     .kind = Kind::Integer, .fallback = 0, .most = 2, .availability = kNotYet, .reason = kNoTls,
     .help = "Whether clients must show a certificate: 0 no, 1 optional, 2 yes."},
    {.name = "ca_certs", .section = kSsl, .flags = "--ca-certs", .metavar = "FILE",
     .availability = kNotYet, .reason = kNoTls, .help = "The authorities that clients' certificates are checked by."},
    {.name = "suppress_ragged_eofs", .section = kSsl, .flags = "--suppress-ragged-eofs",
     .kind = Kind::Flag, .fallback = true, .availability = kNotYet, .reason = kNoTls,
     .help = "Take a connection that ends without a TLS farewell for an ordinary end."},
    {.name = "do_handshake_on_connect", .section = kSsl, .flags = "--do-handshake-on-connect",
     .kind = Kind::Flag, .fallback = false, .availability = kNotYet, .reason = kNoTls,
     .help = "Do the TLS handshake before the first read."},
    {.name = "ciphers", .section = kSsl, .flags = "--ciphers", .metavar = "CIPHERS",
     .availability = kNotYet, .reason = kNoTls, .help = "The ciphers that are offered, as OpenSSL lists them."},

    // ---- HTTP/2
    {.name = "http_protocols", .section = kHttp2, .flags = "--http-protocols", .metavar = "STRING",
     .kind = Kind::CommaList, .fallback = "h1", .availability = kNotYet, .reason = kNoHttp2,
     .help = "The HTTP versions that are offered."},
    {.name = "http2_cleartext", .section = kHttp2, .flags = "--http2-cleartext", .metavar = "MODE",
     .kind = Kind::Switch, .fallback = "off", .choices = "off prior-knowledge upgrade both", .availability = kNotYet, .reason = kNoHttp2,
     .help = "Speak HTTP/2 without TLS."},
    {.name = "http2_max_concurrent_streams", .section = kHttp2, .flags = "--http2-max-concurrent-streams", .metavar = "INT",
     .kind = Kind::Integer, .unit = "streams", .fallback = 100, .availability = kNotYet, .reason = kNoHttp2,
     .help = "The most requests that a connection may have running."},
    {.name = "http2_initial_window_size", .section = kHttp2, .flags = "--http2-initial-window-size", .metavar = "INT",
     .kind = Kind::Integer, .unit = "bytes", .fallback = 65535, .availability = kNotYet, .reason = kNoHttp2,
     .help = "How much of a request's body may arrive unread."},
    {.name = "http2_max_frame_size", .section = kHttp2, .flags = "--http2-max-frame-size", .metavar = "INT",
     .kind = Kind::Integer, .unit = "bytes", .fallback = 16384, .availability = kNotYet, .reason = kNoHttp2,
     .help = "The largest frame that is accepted."},
    {.name = "http2_max_header_list_size", .section = kHttp2, .flags = "--http2-max-header-list-size", .metavar = "INT",
     .kind = Kind::Integer, .unit = "bytes", .fallback = 65536, .availability = kNotYet, .reason = kNoHttp2,
     .help = "The most that a request's headers may come to."},

    // ---- Dirty Arbiters
    {.name = "dirty_apps", .section = kDirty, .flags = "--dirty-app", .metavar = "STRING",
     .kind = Kind::TextList, .fallback = "", .availability = kNotYet, .reason = kNoDirty,
     .help = "An application that dirty workers load. May be repeated."},
    {.name = "dirty_workers", .section = kDirty, .flags = "--dirty-workers", .metavar = "INT",
     .kind = Kind::Integer, .unit = "processes", .fallback = 0, .availability = kNotYet, .reason = kNoDirty,
     .help = "How many dirty workers there are."},
    {.name = "dirty_timeout", .section = kDirty, .flags = "--dirty-timeout", .metavar = "INT",
     .kind = Kind::Integer, .unit = "seconds", .fallback = 300, .availability = kNotYet, .reason = kNoDirty,
     .help = "How long a dirty worker's task may take."},
    {.name = "dirty_threads", .section = kDirty, .flags = "--dirty-threads", .metavar = "INT",
     .kind = Kind::Integer, .unit = "threads", .fallback = 1, .availability = kNotYet, .reason = kNoDirty,
     .help = "How many tasks a dirty worker runs at once."},
    {.name = "dirty_graceful_timeout", .section = kDirty, .flags = "--dirty-graceful-timeout", .metavar = "INT",
     .kind = Kind::Integer, .unit = "seconds", .fallback = 30, .availability = kNotYet, .reason = kNoDirty,
     .help = "How long a dirty worker may take to stop."},
    {.name = "on_dirty_starting", .section = kDirty, .kind = Kind::Callable, .fallback = "OnDirtyStarting.on_dirty_starting", .arity = 1,
     .availability = kNotYet, .reason = kNoDirty, .help = "Called before the dirty arbiter starts: (arbiter)."},
    {.name = "dirty_post_fork", .section = kDirty, .kind = Kind::Callable, .fallback = "DirtyPostFork.dirty_post_fork", .arity = 2,
     .availability = kNotYet, .reason = kNoDirty, .help = "Called in a dirty worker just after it was forked: (arbiter, worker)."},
    {.name = "dirty_worker_init", .section = kDirty, .kind = Kind::Callable, .fallback = "DirtyWorkerInit.dirty_worker_init", .arity = 1,
     .availability = kNotYet, .reason = kNoDirty, .help = "Called in a dirty worker that has loaded its applications: (worker)."},
    {.name = "dirty_worker_exit", .section = kDirty, .kind = Kind::Callable, .fallback = "DirtyWorkerExit.dirty_worker_exit", .arity = 2,
     .availability = kNotYet, .reason = kNoDirty, .help = "Called when a dirty worker exits: (arbiter, worker)."},

    // ---- Control
    {.name = "control_socket", .section = kControl, .flags = "--control-socket", .metavar = "PATH",
     .fallback = "", .availability = kNotYet, .reason = kNoControl,
     .help = "The Unix socket that the control program talks to."},
    {.name = "control_socket_mode", .section = kControl, .flags = "--control-socket-mode", .metavar = "INT",
     .kind = Kind::Octal, .fallback = 0600, .most = 0777, .availability = kNotYet, .reason = kNoControl,
     .help = "The control socket's mode."},
    {.name = "control_socket_disable", .section = kControl, .flags = "--no-control-socket",
     .kind = Kind::Flag, .fallback = false, .availability = kMoot, .reason = kNoControl,
     .help = "Make no control socket."},
});
// clang-format on

constexpr bool names_are_unique() {
  for (std::size_t i = 0; i < kSettings.size(); ++i) {
    for (std::size_t j = i + 1; j < kSettings.size(); ++j) {
      if (kSettings[i].name == kSettings[j].name) return false;
    }
  }
  return true;
}
static_assert(names_are_unique());

constexpr bool refusals_have_reasons() {
  return std::ranges::all_of(kSettings, [](const Setting& setting) {
    return (setting.availability == Availability::Works) == setting.reason.empty();
  });
}
static_assert(refusals_have_reasons());

// Calls visit(flag) for each flag of the row.
template <class Visit>
void each_flag(const Setting& setting, Visit visit) {
  std::string_view rest = setting.flags;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    visit(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

// Keeps the closest word offered to it, if it is close enough at all.
class Nearest {
 public:
  explicit Nearest(std::string_view word) : word_(word), best_(forgiven_slips(word) + 1) {}

  void offer(std::string_view candidate) {
    const std::size_t distance = edit_distance(word_, candidate);
    if (distance >= best_) return;
    best_ = distance;
    found_ = candidate;
  }
  std::string_view found() const { return found_; }

 private:
  std::string_view word_;
  std::size_t best_;
  std::string_view found_ = {};
};

}  // namespace

std::string_view long_flag(const Setting& setting) {
  std::string_view found;
  each_flag(setting, [&](std::string_view flag) {
    if (found.empty() && flag.starts_with("--")) found = flag;
  });
  return found;
}

std::span<const Setting> all_settings() { return kSettings; }

const Setting* find_setting(std::string_view name) {
  const auto row = std::ranges::find(kSettings, name, &Setting::name);
  return row == kSettings.end() ? nullptr : &*row;
}

std::string_view nearest_setting(std::string_view name) {
  Nearest nearest(name);
  for (const Setting& setting : kSettings) nearest.offer(setting.name);
  return nearest.found();
}

std::string_view nearest_flag(std::string_view flag) {
  Nearest nearest(flag);
  for (const Setting& setting : kSettings) {
    each_flag(setting, [&](std::string_view known) {
      if (known.starts_with("--")) nearest.offer(known);
    });
  }
  return nearest.found();
}

std::string_view retired_setting(std::string_view name) {
  if (name == "tolerate_dangerous_framing") {
    return "gunicorn removed it in version 23; dangerous framing is always refused";
  }
  return {};
}

}  // namespace winghorn::config
