/* A program without libc: reads its arguments off the stack, writes them, and ends with their number. */
    .globl _start
    .text
_start:
    mov (%rsp), %r12            /* argc */
    lea 8(%rsp), %r13           /* argv */
    xor %r14d, %r14d
next:
    cmp %r12, %r14
    je done
    mov (%r13,%r14,8), %rsi
    cmp $0, %r14                /* the name differs from run to run */
    je skip
    xor %edx, %edx
length:
    cmpb $0, (%rsi,%rdx)
    je write
    inc %edx
    jmp length
write:
    mov $1, %eax
    mov $1, %edi
    syscall
    mov $1, %eax
    mov $1, %edi
    lea newline(%rip), %rsi
    mov $1, %edx
    syscall
skip:
    inc %r14
    jmp next
done:
    mov $231, %eax
    mov %r12d, %edi
    syscall
    .section .rodata
newline:
    .ascii "\n"
    .section .note.GNU-stack,"",@progbits
