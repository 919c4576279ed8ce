# fixed8 on the host, on bare Hexagon and on aarch64, where what each needs is installed: one
# digest, compared byte by byte.
add_executable(fixed8_digest cross/fixed8_digest.cpp cross/fixed8_main.cpp)
target_link_libraries(fixed8_digest PRIVATE lacuna_options fixed8_kernels)

function(lacuna_same_digest name command)
  add_test(NAME ${name} COMMAND sh -c "$<TARGET_FILE:fixed8_digest> > ${name}.here && \
${command} > ${name}.there; diff ${name}.here ${name}.there && test -s ${name}.here")
endfunction()

find_program(LACUNA_CLANG_CXX NAMES clang++-19 clang++)
find_program(LACUNA_LLD NAMES ld.lld-19 ld.lld)
find_program(LACUNA_hexagon_EMULATOR qemu-hexagon)
if(LACUNA_CLANG_CXX AND LACUNA_LLD AND LACUNA_hexagon_EMULATOR)
  lacuna_add_kernels(hexagon_kernels NAME lac_fixed8 TARGET hexagon-unknown-none-elf DTYPE fixed8
                     HEAD_DIM 20 64)
  set(bundle ${CMAKE_CURRENT_BINARY_DIR}/hexagon_kernels-bundle)
  set(flags --target=hexagon-unknown-none-elf -mv66 -std=c++17 -O2 -ffreestanding -fno-exceptions
            -fno-rtti -fno-builtin -ffunction-sections -Wall -Wextra -Werror -I${PROJECT_SOURCE_DIR}
            -I${bundle}/include)
  set(cross ${CMAKE_CURRENT_SOURCE_DIR}/cross)
  set(driver ${PROJECT_SOURCE_DIR}/cli/driver)
  set(program ${CMAKE_CURRENT_BINARY_DIR}/hexagon_digest.elf)
  add_custom_command(
    OUTPUT ${program}
    COMMAND ${LACUNA_CLANG_CXX} ${flags} -c ${cross}/fixed8_digest.cpp -o ${program}.digest.o
    COMMAND ${LACUNA_CLANG_CXX} ${flags} -c ${cross}/hexagon/guest.cpp -o ${program}.guest.o
    COMMAND ${LACUNA_CLANG_CXX} ${flags} -c ${driver}/hexagon_libc.cpp -o ${program}.libc.o
    COMMAND ${LACUNA_CLANG_CXX} --target=hexagon-unknown-none-elf -mv66 -c
            ${driver}/hexagon_start.S -o ${program}.start.o
    COMMAND ${LACUNA_LLD} -static --gc-sections ${program}.start.o ${program}.digest.o
            ${program}.guest.o ${program}.libc.o ${bundle}/lib/liblac_fixed8.a -o ${program}
    DEPENDS ${bundle}/lib/liblac_fixed8.a cross/fixed8_digest.cpp cross/fixed8_digest.h
            cross/hexagon/guest.cpp ${driver}/hexagon.h ${driver}/hexagon_libc.cpp
            ${driver}/hexagon_start.S
    VERBATIM)
  add_custom_target(hexagon_digest ALL DEPENDS ${program})
  add_dependencies(hexagon_digest hexagon_kernels-generate)
  lacuna_same_digest(hexagon_fixed8 "${LACUNA_hexagon_EMULATOR} -cpu v67 ${program}")
  # Packets, by qemu's own counters.
  add_test(NAME hexagon_packets
           COMMAND python3 ${cross}/count.py hexagon ${cross}/budgets.json
                   ${LACUNA_hexagon_EMULATOR} -cpu v67 ${program})
else()
  add_test(NAME hexagon_fixed8 COMMAND ${CMAKE_COMMAND} -E echo
                                       "needs clang-19, lld-19 and qemu-hexagon")
  set_tests_properties(hexagon_fixed8 PROPERTIES SKIP_REGULAR_EXPRESSION "needs clang")
endif()

find_program(LACUNA_aarch64_CXX aarch64-linux-gnu-g++)
find_program(LACUNA_aarch64_EMULATOR qemu-aarch64)
if(LACUNA_aarch64_CXX AND LACUNA_aarch64_EMULATOR)
  lacuna_add_kernels(aarch64_fixed8_kernels NAME lac_fixed8 TARGET aarch64-linux-gnu DTYPE fixed8
                     HEAD_DIM 20 64)
  set(bundle ${CMAKE_CURRENT_BINARY_DIR}/aarch64_fixed8_kernels-bundle)
  set(program ${CMAKE_CURRENT_BINARY_DIR}/aarch64_digest.elf)
  add_custom_command(
    OUTPUT ${program}
    COMMAND ${LACUNA_aarch64_CXX} -std=c++17 -O2 -static -I${PROJECT_SOURCE_DIR}
            -I${bundle}/include ${CMAKE_CURRENT_SOURCE_DIR}/cross/fixed8_digest.cpp
            ${CMAKE_CURRENT_SOURCE_DIR}/cross/fixed8_main.cpp ${bundle}/lib/liblac_fixed8.a
            -pthread -o ${program}
    DEPENDS ${bundle}/lib/liblac_fixed8.a cross/fixed8_digest.cpp cross/fixed8_main.cpp
    VERBATIM)
  add_custom_target(aarch64_digest ALL DEPENDS ${program})
  add_dependencies(aarch64_digest aarch64_fixed8_kernels-generate)
  lacuna_same_digest(aarch64_fixed8 "${LACUNA_aarch64_EMULATOR} -cpu cortex-a53 ${program}")
endif()
