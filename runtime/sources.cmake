# What a bundle's runtime is compiled from. Freestanding: libc is asked only for what os_*.cpp
# declares. `lacuna` carries these files and the headers they include.
set(LACUNA_RUNTIME_SOURCES
    patterns/parse.cpp
    runtime/attend.cpp
    runtime/attention.cpp
    runtime/cpu.cpp
    runtime/find.cpp
    runtime/items.cpp
    runtime/os_posix.cpp
    runtime/os_windows.cpp
    runtime/pack.cpp
    runtime/plan.cpp
    runtime/plan_builder.cpp
    runtime/pool.cpp
    runtime/status.cpp
    runtime/validate.cpp
    runtime/workspace.cpp)
