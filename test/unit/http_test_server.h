// http_test_server.h - a web server for tests that does what the path of a request says.
//
// A Python program on loopback, with and without TLS. libcurl is not replaced by anything: what is
// tested is what happens on a socket.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "temporary_directory.h"

extern char **environ;

namespace pgx {

inline constexpr const char *http_test_server_program = R"python(
import collections, http.server, socket, ssl, subprocess, sys, threading, time, zlib

counters = collections.Counter()

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args): pass

    def setup(self):
        super().setup()
        counters["connections"] += 1

    def answer(self, status, body=b"", length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        try:
            self.act(self.path.strip("/").split("/"))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def act(self, words):
        what, rest = words[0], words[1:]
        port = self.server.server_address[1]
        if what == "ok":
            counters["ok"] += 1
            tags = {"ETag": '"v1"', "Last_Modified": "Sat, 01 Jan 2022 00:00:00 GMT"}
            if (self.headers.get("If-None-Match") == '"v1"' or
                    self.headers.get("If-Modified-Since") == tags["Last_Modified"]):
                self.send_response(304)
                self.send_header("ETag", '"v1"')
                self.end_headers()
            else:
                self.answer(200, b"hello\n", **tags)
        elif what == "size":
            self.answer(200, b"x" * int(rest[0]))
        elif what == "empty":
            self.answer(200)
        elif what == "status":
            self.answer(int(rest[0]), b"this page is no file")
        elif what == "unasked-304":
            self.send_response(304)
            self.end_headers()
        elif what == "flaky":  # /flaky/NAME/STATUS/COUNT: that status COUNT times, then the file
            counters[rest[0]] += 1
            if counters[rest[0]] <= int(rest[2]):
                headers = {"Retry_After": "1"} if rest[0].startswith("later") else {}
                self.answer(int(rest[1]), b"not now", **headers)
            else:
                self.answer(200, b"hello\n")
        elif what == "count":
            self.answer(200, str(counters[rest[0]]).encode())
        elif what == "cut":        # /cut/NAME/COUNT: closes in the middle COUNT times
            counters[rest[0]] += 1
            if counters[rest[0]] <= int(rest[1]):
                self.answer(200, b"x" * 50000, length=100000)
                self.close_connection = True
            else:
                self.answer(200, b"x" * 100000)
        elif what == "drop":       # no answer at all
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif what == "short-length":
            self.answer(200, b"x" * 100, length=10)
            self.close_connection = True
        elif what == "endless":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b"x" * 65536)
        elif what == "silent":
            time.sleep(30)
        elif what == "stall":
            self.answer(200, b"x" * 10, length=1000)
            time.sleep(30)
        elif what == "trickle":
            self.answer(200, b"", length=1000000)
            for _ in range(300):
                self.wfile.write(b"x")
                time.sleep(0.1)
        elif what == "gzip":
            packer = zlib.compressobj(wbits=31)
            packed = packer.compress(b"\0" * 1000000) + packer.flush()
            self.answer(200, packed, Content_Encoding="gzip")
        elif what == "agent":
            self.answer(200, self.headers.get("User-Agent", "").encode())
        elif what == "encodings":
            self.answer(200, self.headers.get("Accept-Encoding", "none").encode())
        elif what == "authorization":
            self.answer(200, self.headers.get("Authorization", "none").encode())
        elif what == "redirect":
            where = {"ok": "/ok", "loop": "/redirect/loop", "file": "file:///etc/passwd",
                     "ftp": "ftp://127.0.0.1/", "http": "http://127.0.0.1:%s/ok" % http_port,
                     "https": "https://127.0.0.1:%s/ok" % https_port, "missing": "/status/404",
                     "other-host": "http://localhost:%s/authorization" % port}[rest[0]]
            self.answer(302, b"moved", Location=where)
        elif what == "tag":
            self.answer(200, b"x", ETag='"' + "x" * int(rest[0]) + '"')

class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    def handle_error(self, *args): pass

plain = Server(("127.0.0.1", 0), Handler)
http_port = plain.server_address[1]
subprocess.run(["openssl", "req", "-x509", "-newkey", "ec",
                "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem",
                "-out", "cert.pem", "-days", "2", "-subj", "/CN=test",
                "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
secure = Server(("127.0.0.1", 0), Handler)
https_port = secure.server_address[1]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
secure.socket = context.wrap_socket(secure.socket, server_side=True)
threading.Thread(target=secure.serve_forever, daemon=True).start()
threading.Thread(target=plain.serve_forever, daemon=True).start()
print(http_port, https_port, flush=True)
sys.stdin.read()
)python";

// The server as a child process. It ends when its standard input does, so it cannot outlive the
// test.
class HttpTestServer {
   public:
    HttpTestServer() {
        directory_.put("server.py", http_test_server_program);
        int input[2], output[2];
        if (::pipe2(input, O_CLOEXEC) != 0 || ::pipe2(output, O_CLOEXEC) != 0) {
            ADD_FAILURE() << "could not create pipes";
            return;
        }
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, input[0], 0);
        posix_spawn_file_actions_adddup2(&actions, output[1], 1);
        const std::string change = "cd '" + directory_.path() + "' && exec python3 server.py";
        const char *arguments[] = {"sh", "-c", change.c_str(), nullptr};
        const int error = ::posix_spawnp(&child_, "sh", &actions, nullptr,
                                         const_cast<char *const *>(arguments), environ);
        posix_spawn_file_actions_destroy(&actions);
        ::close(input[0]);
        ::close(output[1]);
        input_ = input[1];
        std::string ports;
        char c = 0;
        while (error == 0 && ::read(output[0], &c, 1) == 1 && c != '\n') ports += c;
        ::close(output[0]);
        const std::size_t space = ports.find(' ');
        if (space == std::string::npos) {
            ADD_FAILURE() << "could not start the test server: python3 and openssl are needed";
            return;
        }
        plain_ = "http://127.0.0.1:" + ports.substr(0, space);
        secure_ = "https://127.0.0.1:" + ports.substr(space + 1);
        port_ = ports.substr(0, space);
    }
    HttpTestServer(const HttpTestServer &) = delete;
    HttpTestServer &operator=(const HttpTestServer &) = delete;
    ~HttpTestServer() {
        if (input_ >= 0) ::close(input_);
        if (child_ > 0) {
            ::kill(child_, SIGTERM);
            ::waitpid(child_, nullptr, 0);
        }
    }

    std::string url(const std::string &path) const { return plain_ + path; }
    std::string secure_url(const std::string &path) const { return secure_ + path; }
    std::string certificate() const { return directory_ / "cert.pem"; }
    const std::string &port() const { return port_; }

   private:
    TemporaryDirectory directory_;
    pid_t child_ = -1;
    int input_ = -1;
    std::string plain_, secure_, port_;
};

}  // namespace pgx
