//! All threads or one, from one step to the next. A context of llama.cpp is made for a number of threads, which its binding
//! cannot change; but it takes as many as OpenMP gives it.

/// The steps from here on are computed by one thread, or by all again.
pub(crate) fn share(threads: u16) {
    #[cfg(target_os = "linux")]
    openmp::omp_set_max_active_levels(i32::from(threads > 1));
    #[cfg(not(target_os = "linux"))]
    let _ = threads;
}

#[cfg(target_os = "linux")]
mod openmp {
    #[expect(unsafe_code, reason = "a call of OpenMP's library, which takes any number")]
    unsafe extern "C" {
        /// So many regions inside each other may have several threads; with none, each has the calling thread alone
        /// (OpenMP 5.0, §3.2.16). Concerns the calling thread.
        pub(super) safe fn omp_set_max_active_levels(levels: i32);
    }
}
