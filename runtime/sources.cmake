# What a bundle's runtime is compiled from. Freestanding: libc is asked only for what os_*.cpp
# declares. `lacuna` carries these files and the headers they include.
set(LACUNA_RUNTIME_SOURCES
    patterns/form.cpp
    patterns/parse.cpp
    runtime/attend.cpp
    runtime/attend_calls.cpp
    runtime/attention.cpp
    runtime/cpu.cpp
    runtime/describe.cpp
    runtime/find.cpp
    runtime/items.cpp
    runtime/lists.cpp
    runtime/os_posix.cpp
    runtime/os_windows.cpp
    runtime/pack.cpp
    runtime/plan.cpp
    runtime/plan_builder.cpp
    runtime/plan_scan.cpp
    runtime/pool.cpp
    runtime/route.cpp
    runtime/route_job.cpp
    runtime/status.cpp
    runtime/topk.cpp
    runtime/topk_row.cpp
    runtime/validate.cpp
    runtime/workspace.cpp)
