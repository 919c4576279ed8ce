# lacuna_emulated_tests(arch TRIPLE t COMPILER prefix EMULATOR program CPU cpu): builds cross/ for
# the triple and adds a CTest entry a test, run by the emulator as that CPU; instructions are counted
# as COUNTED, which has every tier; with CYCLES, those of CPUs that llvm-mca knows as well.
include(ExternalProject)
set(cross_tests kernel gather pairs determinism cache cache_calls run_time_lists list_cuts integers)
set(cross_aarch64_tests half) # beside these
# Emulated threads and long rows take minutes: the head sizes and patterns that differ most.
set(cross_determinism_filter *AnyBatch*:*AnyOrder*:*AnyCut/*d20_*:*AnyCut/*window*:*AnyThreads/*window*)
# What emulated aarch64 has shown of the same C code, and the other tests show of the kernels.
set(cross_arm_cache_filter -*AnyChunks*)
set(cross_arm_kernel_filter -*kvf16*) # NEON of 32-bit ARM reads f16's denormals as 0
set(cross_arm_run_time_lists_filter -*RunTimeAtomsAgree*)
# fp16 and dotprod share the code of arithmetic in f16.
set(cross_cortex-a76_determinism_filter *AnyCut/*af16_dotprod*:*AnyBatch/*d72_af16_dotprod*)

add_library(count_plugin MODULE ${PROJECT_SOURCE_DIR}/cli/driver/count_plugin.c)
set_target_properties(count_plugin PROPERTIES C_VISIBILITY_PRESET hidden)
target_link_options(count_plugin PRIVATE -Wl,--unresolved-symbols=ignore-all) # the emulator's
add_executable(block_cycles cross/block_cycles.cpp)
target_link_libraries(block_cycles PRIVATE lacuna_cli)

function(lacuna_emulated_tests arch)
  cmake_parse_arguments(ARG "CYCLES" "TRIPLE;COMPILER;EMULATOR;CPU;COUNTED;SPEC" "" ${ARGN})
  find_program(LACUNA_${arch}_CXX ${ARG_COMPILER}-g++)
  find_program(LACUNA_${arch}_EMULATOR ${ARG_EMULATOR})
  if(NOT LACUNA_${arch}_CXX OR NOT LACUNA_${arch}_EMULATOR)
    add_test(NAME ${arch} COMMAND ${CMAKE_COMMAND} -E echo
                                  "needs ${ARG_COMPILER}-g++ and ${ARG_EMULATOR}")
    set_tests_properties(${arch} PROPERTIES SKIP_REGULAR_EXPRESSION "needs ${ARG_COMPILER}")
    return()
  endif()
  set(dir ${CMAKE_CURRENT_BINARY_DIR}/${arch})
  set(tests ${cross_tests} ${cross_${arch}_tests})
  ExternalProject_Add(
    cross_${arch}
    SOURCE_DIR ${CMAKE_CURRENT_SOURCE_DIR}/cross
    BINARY_DIR ${dir}
    PREFIX ${dir}/external
    CMAKE_GENERATOR Ninja
    CMAKE_CACHE_ARGS
      -DCMAKE_BUILD_TYPE:STRING=Release
      -DCMAKE_SYSTEM_NAME:STRING=Linux
      -DCMAKE_SYSTEM_PROCESSOR:STRING=${arch}
      -DCMAKE_C_COMPILER:STRING=${ARG_COMPILER}-gcc
      -DCMAKE_CXX_COMPILER:STRING=${ARG_COMPILER}-g++
      -DLACUNA_TRIPLE:STRING=${ARG_TRIPLE}
      -DLACUNA_PROGRAM:FILEPATH=$<TARGET_FILE:lacuna>
      -DLACUNA_CROSS_SPEC:STRING=${ARG_SPEC}
      -DLACUNA_CROSS_TESTS:STRING=${tests}
    BUILD_ALWAYS TRUE # Ninja looks at the sources
    USES_TERMINAL_BUILD TRUE
    INSTALL_COMMAND ""
    DEPENDS lacuna)
  set(cycles)
  if(ARG_CYCLES)
    set(cycles --cycles $<TARGET_FILE:block_cycles>)
  endif()
  add_test(NAME ${arch}_instructions
           COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/cross/count.py ${arch}
                   ${CMAKE_CURRENT_SOURCE_DIR}/cross/budgets.json ${cycles} ${LACUNA_${arch}_EMULATOR}
                   -cpu ${ARG_COUNTED} -plugin $<TARGET_FILE:count_plugin> ${dir}/bin/count)
  foreach(name IN LISTS tests)
    set(command ${LACUNA_${arch}_EMULATOR} -cpu ${ARG_CPU} -L /usr/${ARG_COMPILER} ${dir}/bin/${name}_test)
    foreach(filter IN ITEMS ${cross_${name}_filter} ${cross_${arch}_${name}_filter})
      list(APPEND command --gtest_filter=${filter})
    endforeach()
    add_test(NAME ${arch}_${name} COMMAND ${command})
  endforeach()
endfunction()

lacuna_emulated_tests(aarch64 TRIPLE aarch64-linux-gnu COMPILER aarch64-linux-gnu
                      EMULATOR qemu-aarch64 CPU cortex-a53 COUNTED cortex-a76 CYCLES
                      SPEC kernels_aarch64.json)
lacuna_emulated_tests(arm TRIPLE arm-linux-gnueabihf COMPILER arm-linux-gnueabihf
                      EMULATOR qemu-arm CPU cortex-a15 COUNTED cortex-a15 SPEC kernels.json)

# Other models of the aarch64 binaries: which tiers they run, and what those tiers do differently
# with 8-bit keys and arithmetic in f16, as that CPU WITH options of the emulator.
function(lacuna_emulated_model cpu)
  cmake_parse_arguments(ARG "" "RUNS;LACKS;WITH" "TESTS" ${ARGN})
  if(NOT LACUNA_aarch64_CXX OR NOT LACUNA_aarch64_EMULATOR)
    return()
  endif()
  set(system -L /usr/aarch64-linux-gnu)
  set(bin ${CMAKE_CURRENT_BINARY_DIR}/aarch64/bin)
  add_test(NAME aarch64_tiers_${cpu} COMMAND ${LACUNA_aarch64_EMULATOR} -cpu ${cpu} ${system} ${bin}/integers_test --gtest_list_tests)
  set_tests_properties(aarch64_tiers_${cpu} PROPERTIES PASS_REGULAR_EXPRESSION "_${ARG_RUNS}")
  if(ARG_LACKS)
    set_tests_properties(aarch64_tiers_${cpu} PROPERTIES FAIL_REGULAR_EXPRESSION "${ARG_LACKS}")
  endif()
  foreach(name IN LISTS ARG_TESTS)
    set(filter *int8*_${ARG_RUNS}*:*af16_${ARG_RUNS}*)
    if(cross_${cpu}_${name}_filter)
      set(filter ${cross_${cpu}_${name}_filter})
    endif()
    add_test(NAME aarch64_${cpu}_${name}
             COMMAND ${LACUNA_aarch64_EMULATOR} -cpu ${cpu}${ARG_WITH} ${system} ${bin}/${name}_test
                     --gtest_filter=${filter})
  endforeach()
endfunction()

lacuna_emulated_model(cortex-a53 RUNS neon LACKS "_fp16;_dotprod")
# glibc copies by SVE there, which takes the emulator ten times as long.
lacuna_emulated_model(a64fx RUNS fp16 LACKS "_dotprod" WITH ,sve=off TESTS integers half)
lacuna_emulated_model(cortex-a76 RUNS dotprod TESTS integers kernel list_cuts determinism half)
lacuna_emulated_model(max RUNS dotprod WITH ,sve=off TESTS half)

find_program(LACUNA_OBJDUMP llvm-objdump-19 REQUIRED)
if(LACUNA_aarch64_CXX AND LACUNA_aarch64_EMULATOR)
  add_test(NAME aarch64_baseline
           COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/cross/baseline_test.sh
                   ${CMAKE_CURRENT_BINARY_DIR}/aarch64/cross_kernels-bundle/lib/liblac.a ${LACUNA_OBJDUMP})
endif()
