# SPDX-License-Identifier: MIT
"""What stands around leash-agent in its tests: xrdp, its clients, HAProxy's admin, and people who mean no good.

    peer.py xrdp ADDRESS...               listens at port 3389 of each, and tells whoever connects which it is
    peer.py login ADDRESS USER...         connects as USER's client does; prints "USER ADDRESS" for each
    peer.py haproxy SOCKET COMMAND        one command at the stats socket
    peer.py ask ADDRESS [TIMES]           answers of an agent; prints the last, then the slowest and the mean in ms
    peer.py garbage ADDRESS               bytes of all kinds, resets, half an hour of nothing; prints what differs
    peer.py crowd ADDRESS N               N connections at once, none of which reads; then one that does
"""
import os
import random
import selectors
import socket
import struct
import sys
import time


def connect(address, port=9707, timeout=10):
    s = socket.create_connection((address, port), timeout=timeout)
    return s


def read_all(s):
    text = b""
    while True:
        more = s.recv(4096)
        if not more:
            return text
        text += more


def xrdp(addresses):
    selector = selectors.DefaultSelector()
    for address in addresses:
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, 3389))
        s.listen(64)
        selector.register(s, selectors.EVENT_READ, address)
    print("ready", flush=True)
    clients = []
    while True:
        for key, _ in selector.select():
            client, _ = key.fileobj.accept()
            try:
                client.send(key.data.encode() + b"\n")
            except OSError:
                continue
            clients.append(client)  # sessions last
            if len(clients) > 200:
                clients.pop(0).close()


def first_packet(user):
    """An X.224 connection request with the routing cookie (MS-RDPBCGR 2.2.1.1)."""
    cookie = b"Cookie: mstshash=" + user.encode() + b"\r\n"
    x224 = bytes([6 + len(cookie), 0xE0, 0, 0, 0, 0, 0]) + cookie
    return struct.pack(">BBH", 3, 0, 4 + len(x224)) + x224


def login(address, users):
    for user in users:
        s = connect(address, 3389)
        s.sendall(first_packet(user))
        print(user, s.makefile().readline().strip())
        s.close()


def haproxy(path, command):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(path)
    s.sendall(command.encode() + b"\n")
    print(read_all(s).decode(), end="")


def ask(address, times):
    took = []
    for _ in range(times):
        begin = time.monotonic()
        s = connect(address)
        answer = s.recv(4096)
        took.append((time.monotonic() - begin) * 1000)
        answer += read_all(s)
        s.close()
    print(answer.decode().rstrip("\n"))
    print("%.3f %.3f" % (max(took), sum(took) / len(took)))


def is_answer(answer):
    return answer.endswith(b"\n") and answer.count(b"\n") == 1 and answer.startswith((b"ready up ", b"drain up "))


def garbage(address):
    rng = random.Random(1)
    kinds = {
        "nothing": b"",
        "a line": b"hello\r\n",
        "another protocol": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "binary": bytes(rng.randrange(256) for _ in range(4000)),
        "a megabyte": b"\0" * (1 << 20),
    }
    for name, data in kinds.items():
        s = connect(address)
        try:
            s.sendall(data)
        except OSError:
            pass  # it is not read to the end
        try:
            answer = read_all(s)
        except ConnectionResetError:
            answer = b""
        # Who talks on and on is closed upon, and may not see the answer for it.
        if not is_answer(answer) and name != "a megabyte":
            print("%s: %r" % (name, answer))
        s.close()
    for _ in range(200):  # gone before they were answered
        s = connect(address)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
    s = connect(address)  # says no more
    s.shutdown(socket.SHUT_WR)
    if not is_answer(read_all(s)):
        print("half closed: no answer")


def crowd(address, n):
    held = []
    for i in range(n):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        s.setblocking(False)
        try:
            s.connect((address, 9707))
        except BlockingIOError:
            pass
        held.append(s)
    begin = time.monotonic()
    s = connect(address)
    answer = s.recv(4096)
    print("%.3f" % ((time.monotonic() - begin) * 1000))
    if not is_answer(answer):
        print("no answer behind the crowd: %r" % answer)
    time.sleep(0.5)
    unanswered = 0
    for c in held:
        try:
            c.setblocking(True)
            c.settimeout(5)
            unanswered += not is_answer(read_all(c))
        except OSError:
            unanswered += 1
    if unanswered:
        print("%d of the crowd without an answer" % unanswered)


def main(what, args):
    if what == "xrdp":
        xrdp(args)
    elif what == "login":
        login(args[0], args[1:])
    elif what == "haproxy":
        haproxy(args[0], args[1])
    elif what == "ask":
        ask(args[0], int(args[1]) if len(args) > 1 else 1)
    elif what == "garbage":
        garbage(args[0])
    elif what == "crowd":
        crowd(args[0], int(args[1]))
    else:
        sys.exit("peer.py: " + what)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
