"""Calls that nobody executes, and why. The program gets the same error in every variant."""

from stretto.syscalls.language import ENOSYS, EPERM, family, refuse

family("refused")

refuse("rseq", ENOSYS, "restartable sequences abort at other points in each variant")
refuse("io_uring_setup io_uring_enter io_uring_register", ENOSYS, "requests in shared memory pass no system call")
refuse("io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents", ENOSYS,
       "completions arrive in shared memory")
refuse("userfaultfd", ENOSYS, "faults would be handled outside the lockstep")
refuse("memfd_secret", ENOSYS, "the monitor could not read this memory")
refuse("bpf perf_event_open", EPERM, "reaches into the kernel and into other processes")
refuse("process_vm_readv process_vm_writev process_madvise process_mrelease", EPERM,
       "reaches into the memory of other processes")
refuse("ptrace", EPERM, "a process has one tracer, and that is Stretto")
refuse("pidfd_getfd", EPERM, "takes descriptors out of other processes")
refuse("shmget shmat shmdt shmctl", ENOSYS, "until shared memory is intercepted")
refuse("remap_file_pages", ENOSYS, "obsolete; rearranges mappings behind the monitor's back")
refuse("map_shadow_stack", ENOSYS, "return addresses differ in each variant")
refuse("pkey_alloc pkey_free pkey_mprotect", ENOSYS, "as on a machine without protection keys")
refuse("modify_ldt set_thread_area get_thread_area", ENOSYS, "32-bit segments")
refuse("iopl ioperm", EPERM, "access to hardware")
refuse("init_module finit_module delete_module create_module query_module get_kernel_syms", EPERM, "kernel modules")
refuse("kexec_load kexec_file_load reboot swapon swapoff acct vhangup nfsservctl", EPERM,
       "changes the whole machine")
refuse("add_key request_key keyctl", ENOSYS, "key rings are not described")
refuse("fanotify_init fanotify_mark open_by_handle_at lookup_dcookie", EPERM, "reaches files past their names")
refuse("fsconfig mount_setattr open_tree_attr statmount listmount quotactl_fd", ENOSYS,
       "the new mount interface is described in part")
refuse("setxattrat getxattrat listxattrat removexattrat file_getattr file_setattr", ENOSYS,
       "newer forms; programs fall back to the older ones")
refuse("lsm_get_self_attr lsm_set_self_attr lsm_list_modules", ENOSYS, "not described")
refuse("migrate_pages move_pages set_mempolicy_home_node", EPERM, "moves the pages of other processes")
refuse("mq_notify", ENOSYS, "notifies by a thread or socket of its own")
refuse("uprobe uretprobe", ENOSYS, "made by the kernel for its own trampolines")
refuse("uselib _sysctl getpmsg putpmsg afs_syscall tuxcall security vserver epoll_ctl_old epoll_wait_old", ENOSYS,
       "not implemented by Linux on x86-64")
