"""Sockets: the leader's; followers have placeholders."""

from stretto.syscalls.language import AtMost, NewFd, each, family, leader
from stretto.syscalls.types import (
    Anything, Array, Bytes, Control, Fd, Flags, In, InOut, Int, MadeFd, Named, Out, OutAlways, Size, String, U16, U32, U64, Union, Vectors,
    struct,
)

family("network")

# What lies behind the end of a path is not initialised by programs, so families are told apart (unix(7), ip(7)).
# A unix address whose path begins with NUL is abstract: all its bytes are the name.
Sockaddr = struct(
    "sockaddr", 16, family=(0, U16), first=(2, Named(1)),
    abstract=(0, Union("pair(min(addrlen, 3), this.family * 256 + this.first)", ((0x3_0000_0100, Bytes["addrlen"]),))),
    rest=(2, Union("this.family", (
        (1, String()), (2, Bytes[6]), (10, Bytes[26]), (16, Bytes[10]), (17, Bytes[18]), (38, Bytes[86]), (40, Bytes[14]),
    ))),
)
Peer = Out[Bytes["min(was(addrlen), now(addrlen))"]]
Length = InOut[U32]
SendHeader = struct(
    "msghdr", 56, name=(0, In[Bytes["this.namelen"]]), namelen=(8, U32), iov=(16, In[Vectors("this.iovlen")]),
    iovlen=(24, U64), control=(32, In[Control["this.controllen"]]), controllen=(40, U64),
)
ReceiveHeader = struct(
    "msghdr", 56, name=(0, Out[Bytes["min(then.namelen, this.namelen)"]]), namelen=(8, U32),
    iov=(16, Out[Vectors("this.iovlen", "ret")]), iovlen=(24, U64, 1), control=(32, Out[Control["this.controllen"]]),
    controllen=(40, U64), flags=(48, U32, 2),
)
SendMany = struct(
    "mmsghdr", 64, name=(0, In[Bytes["this.namelen"]]), namelen=(8, U32, 1), iov=(16, In[Vectors("this.iovlen")]),
    iovlen=(24, U64, 1), control=(32, In[Control["this.controllen"]]), controllen=(40, U64, 1), length=(56, U32, 2),
)
ReceiveMany = struct(
    "mmsghdr", 64, name=(0, Out[Bytes["min(then.namelen, this.namelen)"]]), namelen=(8, U32),
    iov=(16, Out[Vectors("this.iovlen", "this.length")]), iovlen=(24, U64, 1),
    control=(32, Out[Control["this.controllen"]]), controllen=(40, U64), flags=(48, U32, 2), length=(56, U32, 2),
)


@leader(cloexec="kind & 0x80000")
def socket(domain: Int, kind: Flags, protocol: Int) -> NewFd: ...
# It writes the numbers before it looks whether there can be such sockets (__sys_socketpair, net/socket.c).
@leader(mechanism="recvfds", cloexec="kind & 0x80000")
def socketpair(domain: Int, kind: Flags, protocol: Int, fds: OutAlways[Array(MadeFd, "2")]): ...
@leader()
def bind(fd: Fd, address: In[Sockaddr], addrlen: U32): ...
@leader(blocks=True)
def connect(fd: Fd, address: In[Sockaddr], addrlen: U32): ...
@leader()
def listen(fd: Fd, backlog: Int): ...
@leader(blocks=True)
def accept(fd: Fd, address: Peer, addrlen: Length) -> NewFd: ...
@leader(blocks=True, cloexec="flags & 0x80000")
def accept4(fd: Fd, address: Peer, addrlen: Length, flags: Flags) -> NewFd: ...
@leader(effect="query")
def getsockname(fd: Fd, address: Peer, addrlen: Length): ...
@leader(effect="query")
def getpeername(fd: Fd, address: Peer, addrlen: Length): ...
@leader()
def shutdown(fd: Fd, how: Int): ...
@leader(effect="transfer", blocks=True)
def sendto(fd: Fd, buf: In[Bytes["count"]], count: Size, flags: Flags, address: In[Sockaddr], addrlen: U32) -> AtMost["count"]: ...
@leader(effect="transfer", blocks=True)
def recvfrom(fd: Fd, buf: Out[Bytes["min(ret, count)"]], count: Size, flags: Flags, address: Peer, addrlen: Length) -> AtMost["count + (flags & 0x20) * 0x4000000"]: ...
@leader(effect="transfer", blocks=True)
def sendmsg(fd: Fd, message: In[SendHeader], flags: Flags): ...
@leader(effect="transfer", blocks=True, mechanism="recvfds", cloexec="flags & 0x40000000")
def recvmsg(fd: Fd, message: InOut[ReceiveHeader], flags: Flags): ...
@leader(effect="transfer", blocks=True)
def sendmmsg(fd: Fd, messages: InOut[Array(SendMany, "min(count, 1024)")], count: U32, flags: Flags) -> AtMost["count"]: ...
@leader(effect="transfer", blocks=True, mechanism="recvfds", cloexec="flags & 0x40000000")
def recvmmsg(
    fd: Fd, messages: InOut[Array(ReceiveMany, "count")], count: U32, flags: Flags, timeout: InOut[Bytes[16]]
) -> AtMost["count"]: ...
